//! The recognizer `remote`: an OpenAI-compatible service that transcribes whole utterances.

use super::http_service::{HttpService, ServiceError};
use super::recognizers::OpenError;
use crate::audio::wav::WavWriter;
use crate::config::speech::{RecognizerKind, Service};
use crate::language::Language;
use crate::speech::grammar::Grammar;
use crate::speech::recognizer::{
    Hypothesis, LONGEST_UTTERANCE, RecognitionError, Recognizer, Utterance,
};
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NAME: &str = RecognizerKind::Remote.name();
/// The longest answer that is read.
const MAX_BODY: usize = 256 * 1024;
/// The longest list of phrases that the service is told to listen for, in bytes: it reads no more.
const MAX_PROMPT: usize = 600;
/// Where a service does not say how sure it is.
const UNKNOWN_CONFIDENCE: f32 = 0.8;

pub struct RemoteRecognizer {
    id: String,
    inside: Arc<Inside>,
}

struct Inside {
    service: HttpService,
    model: String,
    /// The service does not know the answer with probabilities.
    plain: AtomicBool,
}

/// `verbose_json`, or `json`, which has the text only.
#[derive(Deserialize)]
struct Transcription {
    text: String,
    #[serde(default)]
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    avg_logprob: Option<f32>,
    no_speech_prob: Option<f32>,
}

impl RemoteRecognizer {
    pub fn open(config: &Service) -> Result<RemoteRecognizer, OpenError> {
        let service = HttpService::new(config).map_err(|reason| OpenError::Broken {
            engine: NAME,
            reason,
            mend: "see `speech: remote:` in the config".to_owned(),
        })?;
        Ok(RemoteRecognizer {
            id: format!("{NAME}/{}/{}", service.url(), config.model),
            inside: Arc::new(Inside {
                service,
                model: config.model.clone(),
                plain: AtomicBool::new(false),
            }),
        })
    }
}

impl Recognizer for RemoteRecognizer {
    fn id(&self) -> &str {
        &self.id
    }

    fn hears(&self, _: Language) -> bool {
        true
    }

    fn leaves_the_machine(&self) -> bool {
        true
    }

    fn start(&self, grammar: &Arc<Grammar>) -> Box<dyn Utterance> {
        Box::new(RemoteUtterance {
            inside: self.inside.clone(),
            grammar: grammar.clone(),
            samples: Vec::new(),
        })
    }
}

struct RemoteUtterance {
    inside: Arc<Inside>,
    grammar: Arc<Grammar>,
    samples: Vec<i16>,
}

impl Utterance for RemoteUtterance {
    fn push(&mut self, samples: &[i16]) -> Result<(), RecognitionError> {
        let room = LONGEST_UTTERANCE - self.samples.len();
        self.samples.extend(samples.iter().take(room));
        Ok(())
    }

    fn hypotheses(&mut self) -> Result<Vec<Hypothesis>, RecognitionError> {
        if self.samples.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |reason: String| RecognitionError::Failed {
            engine: NAME.to_owned(),
            reason,
        };
        let wav = wav(&self.samples).map_err(|error| failed(error.to_string()))?;
        let answer = self
            .inside
            .ask(&wav, &self.grammar)
            .map_err(|error| match error {
                ServiceError::TimedOut(after) => RecognitionError::TimedOut {
                    engine: NAME.to_owned(),
                    milliseconds: after.as_millis() as u64,
                },
                other => failed(other.to_string()),
            })?;
        let heard: Transcription = serde_json::from_slice(&answer)
            .map_err(|error| failed(format!("its answer is no transcription: {error}")))?;
        Ok(heard.into_hypothesis().into_iter().collect())
    }
}

impl Inside {
    fn ask(&self, wav: &[u8], grammar: &Grammar) -> Result<Vec<u8>, ServiceError> {
        let plain = self.plain.load(Ordering::Relaxed);
        let first = self.ask_in(wav, grammar, if plain { "json" } else { "verbose_json" });
        match first {
            Err(ServiceError::Refused { status: 400, .. }) if !plain => {
                let second = self.ask_in(wav, grammar, "json");
                self.plain.store(second.is_ok(), Ordering::Relaxed);
                second
            }
            other => other,
        }
    }

    fn ask_in(&self, wav: &[u8], grammar: &Grammar, format: &str) -> Result<Vec<u8>, ServiceError> {
        let file = Part::bytes(wav.to_vec()).file_name("utterance.wav");
        let file = file
            .mime_str("audio/wav")
            .expect("the constant is a media type");
        let mut form = Form::new()
            .part("file", file)
            .text("model", self.model.clone())
            .text("language", grammar.language.tag())
            .text("response_format", format.to_owned())
            .text("temperature", "0");
        let prompt = prompt(grammar);
        if !prompt.is_empty() {
            form = form.text("prompt", prompt);
        }
        let path = "/audio/transcriptions";
        self.service
            .post(path, MAX_BODY, |request| request.multipart(form))
    }
}

/// The phrases that are waited for: services spell what they were told before in the same way.
fn prompt(grammar: &Grammar) -> String {
    let mut prompt = String::new();
    for phrase in &grammar.phrases {
        if prompt.len() + phrase.words.len() + 2 > MAX_PROMPT {
            break;
        }
        if !prompt.is_empty() {
            prompt += ", ";
        }
        prompt += &phrase.words;
    }
    prompt
}

fn wav(samples: &[i16]) -> Result<Vec<u8>, hound::Error> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::mono(&mut file)?;
    writer.write(samples)?;
    writer.finish()?;
    Ok(file.into_inner())
}

impl Transcription {
    fn into_hypothesis(self) -> Option<Hypothesis> {
        let text = self.text.trim();
        if !text.chars().any(char::is_alphanumeric) {
            return None;
        }
        let sure: Vec<f32> = self
            .segments
            .iter()
            .filter_map(|it| Some(it.avg_logprob?.exp() * (1.0 - it.no_speech_prob.unwrap_or(0.0))))
            .collect();
        let confidence = match sure.is_empty() {
            true => UNKNOWN_CONFIDENCE,
            false => sure.iter().sum::<f32>() / sure.len() as f32,
        };
        Some(Hypothesis {
            text: text.to_owned(),
            confidence: confidence.clamp(0.0, 1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::{Password, Secret};
    use crate::engines::http_stand_in::{Request, Response, StandIn};
    use crate::speech::grammar::{Meaning, Phrase};
    use std::time::Duration;

    fn engine(url: &str) -> RemoteRecognizer {
        engine_within(url, Duration::from_secs(20))
    }

    fn engine_within(url: &str, timeout: Duration) -> RemoteRecognizer {
        let service = Service {
            url: format!("{url}/v1"),
            key: Some(Password::Written(Secret::new("s3cret"))),
            model: "whisper-1".to_owned(),
            timeout,
        };
        RemoteRecognizer::open(&service).expect("nobody is asked yet")
    }

    fn hear(engine: &RemoteRecognizer) -> Result<Vec<Hypothesis>, RecognitionError> {
        let phrase = |words: &str| Phrase {
            words: words.to_owned(),
            meaning: Meaning::Human,
        };
        let grammar = Grammar {
            language: Language::Zh,
            phrases: vec![phrase("查快递"), phrase("退款")],
            value: None,
        };
        let mut utterance = engine.start(&Arc::new(grammar));
        utterance.push(&[7; 8_000])?;
        utterance.hypotheses()
    }

    fn answering(status: u16, body: &'static str) -> StandIn {
        StandIn::start(move |_, _| Response::new(status, body))
    }

    #[test]
    fn the_service_is_asked_as_openais_is_and_its_answer_is_taken() {
        let service = answering(
            200,
            r#"{"text": " 查快递。", "segments": [{"avg_logprob": -0.1, "no_speech_prob": 0.1}]}"#,
        );
        let heard = hear(&engine(&service.url)).expect("it answers");
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].text, "查快递。");
        assert!((heard[0].confidence - 0.814).abs() < 0.01, "{heard:?}");
        let requests = service.take_requests();
        let [request] = requests.as_slice() else {
            panic!("it is asked once");
        };
        assert_eq!(request.path, "/v1/audio/transcriptions");
        assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
        let body = request.text();
        for (name, value) in [
            ("model", "whisper-1"),
            ("language", "zh"),
            ("response_format", "verbose_json"),
            ("prompt", "查快递, 退款"),
        ] {
            let field = format!("name=\"{name}\"");
            let at = body.find(&field).unwrap_or_else(|| panic!("{field}"));
            assert!(
                body[at..].contains(&format!("\r\n\r\n{value}\r\n")),
                "{name}"
            );
        }
        let at = request.body.windows(4).position(|bytes| bytes == b"RIFF");
        let sound = &request.body[at.expect("there is a WAV")..][..16_044];
        let channels = crate::audio::wav::read(sound).expect("it is whole");
        assert_eq!(channels, [vec![7; 8_000]]);
    }

    #[test]
    fn a_service_that_tells_text_only_is_asked_for_text_only() {
        let service =
            StandIn::start(
                |request: &Request, _| match request.text().contains("verbose_json") {
                    true => Response::new(400, "response_format is not supported"),
                    false => Response::new(200, r#"{"text": "refund"}"#),
                },
            );
        let engine = engine(&service.url);
        for asked in [2, 1, 1] {
            let heard = hear(&engine).expect("it answers");
            assert_eq!(
                (heard[0].text.as_str(), heard[0].confidence),
                ("refund", UNKNOWN_CONFIDENCE)
            );
            assert_eq!(service.take_requests().len(), asked);
        }
    }

    #[test]
    fn nothing_said_is_nothing_heard() {
        for body in [r#"{"text": ""}"#, r#"{"text": " . "}"#] {
            let service = answering(200, body);
            assert_eq!(hear(&engine(&service.url)).expect("it answers"), []);
        }
    }

    #[test]
    fn each_failure_is_told() {
        for (status, body, told) in [
            (
                401,
                r#"{"error": {"message": "bad key"}}"#,
                "answered 401: {\"error\": {\"message\": \"bad key\"}}",
            ),
            (500, "oh\n no", "answered 500: oh no"),
            (200, "<html>", "no transcription"),
            (200, r#"{"words": 1}"#, "missing field `text`"),
            (302, "", "answered 302"),
        ] {
            let service = answering(status, body);
            let error = hear(&engine(&service.url)).unwrap_err().to_string();
            assert!(error.contains(told), "{status}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let nobody = hear(&engine("http://127.0.0.1:1")).unwrap_err();
        assert!(nobody.to_string().contains("refused"), "{nobody}");
        let cut = StandIn::start(|_, _| Response {
            cut_at: Some(5),
            ..Response::new(200, r#"{"text": "refund"}"#)
        });
        assert!(hear(&engine(&cut.url)).is_err());
        let endless = StandIn::start(|_, _| Response::new(200, vec![b' '; MAX_BODY + 1]));
        let error = hear(&engine(&endless.url)).unwrap_err().to_string();
        assert!(error.contains("longer than"), "{error}");
    }

    #[test]
    fn one_that_is_slow_is_left_alone_after_three_times() {
        let slow = StandIn::start(|_, _| Response {
            delay: Duration::from_secs(60),
            ..Response::new(200, r#"{"text": "refund"}"#)
        });
        let engine = engine_within(&slow.url, Duration::from_millis(400));
        for _ in 0..3 {
            let error = hear(&engine).unwrap_err();
            let late = RecognitionError::TimedOut {
                engine: NAME.to_owned(),
                milliseconds: 400,
            };
            assert_eq!(error, late);
        }
        let error = hear(&engine).unwrap_err().to_string();
        assert!(error.contains("left alone"), "{error}");
        assert!(slow.take_requests().len() <= 3);
    }
}
