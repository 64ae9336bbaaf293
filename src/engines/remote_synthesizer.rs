//! The synthesizer `remote`: an OpenAI-compatible service that speaks texts.

use super::http_service::{HttpService, ServiceError};
use super::program::parse_wav;
use super::synthesizer::{Manner, SynthesisError, Synthesizer, check_text, to_prompt_samples};
use crate::config::speech::{RemoteVoice, SynthesizerKind};
use crate::language::Language;
use serde_json::json;

const NAME: &str = SynthesizerKind::Remote.name();
/// The longest answer that is read: ten minutes at 24 kHz.
const MAX_BODY: usize = 600 * 24_000 * 2;

pub struct RemoteSynthesizer {
    id: String,
    service: HttpService,
    model: String,
    voice: String,
}

impl RemoteSynthesizer {
    pub fn open(config: &RemoteVoice) -> Result<RemoteSynthesizer, SynthesisError> {
        let service = HttpService::new(&config.service).map_err(failed)?;
        let (model, voice) = (config.service.model.clone(), config.voice.clone());
        Ok(RemoteSynthesizer {
            id: format!("{NAME}/{}/{model}/{voice}", service.url()),
            service,
            model,
            voice,
        })
    }
}

fn failed(reason: impl ToString) -> SynthesisError {
    SynthesisError::Failed {
        engine: NAME,
        reason: reason.to_string(),
    }
}

impl Synthesizer for RemoteSynthesizer {
    fn id(&self) -> &str {
        &self.id
    }

    fn speaks(&self, _: Language) -> bool {
        true
    }

    fn synthesize(
        &self,
        text: &str,
        _: Language,
        manner: &Manner,
    ) -> Result<Vec<i16>, SynthesisError> {
        check_text(text)?;
        let wish = json!({
            "model": self.model,
            "input": text,
            "voice": manner.voice.as_deref().unwrap_or(&self.voice),
            "response_format": "wav",
            "speed": manner.rate,
        });
        let answer = self
            .service
            .post("/audio/speech", MAX_BODY, |request| request.json(&wish));
        let answer = answer.map_err(|error| match error {
            ServiceError::TimedOut(after) => SynthesisError::TimedOut {
                engine: NAME,
                seconds: after.as_secs_f32().ceil() as u64,
            },
            other => failed(other),
        })?;
        let (samples, rate) = parse_wav(&answer)
            .ok_or_else(|| failed("its answer is no WAV of one channel and 16 bits"))?;
        to_prompt_samples(NAME, &samples, rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::{Password, Secret};
    use crate::config::speech::Service;
    use crate::engines::http_stand_in::{Response, StandIn};
    use std::io::Cursor;
    use std::time::Duration;

    fn engine(url: &str) -> RemoteSynthesizer {
        engine_within(url, Duration::from_secs(20))
    }

    fn engine_within(url: &str, timeout: Duration) -> RemoteSynthesizer {
        let service = Service {
            url: format!("{url}/v1"),
            key: Some(Password::Written(Secret::new("s3cret"))),
            model: "tts-1".to_owned(),
            timeout,
        };
        let voice = "alloy".to_owned();
        RemoteSynthesizer::open(&RemoteVoice { service, voice }).expect("nobody is asked yet")
    }

    /// A second of a tone at 24 kHz, as these services answer.
    fn wav(channels: u16) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels,
            sample_rate: 24_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut file, spec).expect("it is in memory");
        for n in 0..24_000 * u32::from(channels) {
            let sample = (n as f32 * 0.1).sin() * 9_000.0;
            writer.write_sample(sample as i16).expect("it is in memory");
        }
        writer.finalize().expect("it is in memory");
        file.into_inner()
    }

    fn say(engine: &RemoteSynthesizer, manner: &Manner) -> Result<Vec<i16>, SynthesisError> {
        engine.synthesize("您好。", Language::Zh, manner)
    }

    #[test]
    fn a_text_is_spoken_as_openais_service_does_it() {
        let service = StandIn::start(|_, asked| {
            let mut sound = wav(1);
            if asked == 1 {
                // The length is not known when it begins to answer.
                sound[4..8].fill(0xff);
                sound[40..44].fill(0xff);
            }
            Response::new(200, sound)
        });
        let engine = engine(&service.url);
        let usual = say(&engine, &Manner::default()).expect("it answers");
        assert!(usual.len().abs_diff(8_000) < 100, "{}", usual.len());
        let manner = Manner {
            rate: 0.8,
            voice: Some("nova".to_owned()),
            ..Manner::default()
        };
        assert_eq!(
            say(&engine, &manner).expect("it answers").len(),
            usual.len()
        );
        let requests = service.take_requests();
        let wishes: Vec<serde_json::Value> = requests
            .iter()
            .map(|request| serde_json::from_slice(&request.body).expect("it is JSON"))
            .collect();
        assert_eq!(requests[0].path, "/v1/audio/speech");
        assert_eq!(requests[0].header("authorization"), Some("Bearer s3cret"));
        assert_eq!(
            (&wishes[0]["input"], &wishes[0]["voice"]),
            (&json!("您好。"), &json!("alloy"))
        );
        assert_eq!(wishes[0]["response_format"], "wav");
        assert_eq!(wishes[1]["voice"], "nova");
        assert!((wishes[1]["speed"].as_f64().expect("a number") - 0.8).abs() < 1e-6);
    }

    #[test]
    fn each_failure_is_told() {
        for (status, body, told) in [
            (401, b"bad key".to_vec(), "answered 401: bad key"),
            (500, Vec::new(), "answered 500"),
            (200, b"{}".to_vec(), "no WAV"),
            (200, wav(2), "no WAV"),
        ] {
            let service = StandIn::start(move |_, _| Response::new(status, body.clone()));
            let error = say(&engine(&service.url), &Manner::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains(told) && !error.contains("s3cret"), "{error}");
        }
        let slow = StandIn::start(|_, _| Response {
            delay: Duration::from_secs(60),
            ..Response::new(200, wav(1))
        });
        let hasty = engine_within(&slow.url, Duration::from_millis(400));
        let error = say(&hasty, &Manner::default()).unwrap_err();
        assert!(matches!(error, SynthesisError::TimedOut { .. }), "{error}");
        let nothing = hasty.synthesize("…", Language::En, &Manner::default());
        assert!(matches!(nothing, Err(SynthesisError::NothingToSay(_))));
    }
}
