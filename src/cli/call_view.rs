//! What `zeroline call` shows: the ladder as it grows, and at the end the call in plain words.

use crate::caller::call::Call;
use crate::caller::report::Report;
use crate::caller::state::{CallState, Ended, How};
use crate::cli::output::print_line;
use std::fmt::Write as _;
use std::io;
use std::time::{Duration, Instant};

/// Prints what is new of a call.
pub(super) struct LiveView {
    shown: bool,
    start: Instant,
    messages: usize,
    media: bool,
    flows: bool,
    talkspurts: u32,
    keys_sent: usize,
    keys_heard: usize,
}

impl LiveView {
    pub fn new(shown: bool) -> Self {
        Self {
            shown,
            start: Instant::now(),
            messages: 0,
            media: false,
            flows: false,
            talkspurts: 0,
            keys_sent: 0,
            keys_heard: 0,
        }
    }

    /// `false`: nobody looks on any more.
    pub fn show(&mut self, call: &Call) -> io::Result<bool> {
        if !self.shown {
            return Ok(true);
        }
        let mut lines: Vec<String> = Vec::new();
        for rung in call.ladder(self.messages) {
            self.messages += 1;
            lines.push(rung.to_string());
        }
        let news = self.media_news(&call.state());
        lines.extend(news.iter().map(|what| self.line(what)));
        print_all(&lines)
    }

    fn media_news(&mut self, state: &CallState) -> Vec<String> {
        let mut news = Vec::new();
        if let (false, Some(agreed)) = (self.media, &state.negotiated) {
            self.media = true;
            let keys = match agreed.telephone_event {
                Some(_) => "keys as telephone-events",
                None => "no telephone-events",
            };
            let codec = agreed.codec.name();
            news.push(format!("media: {codec}, {} ms, {keys}", agreed.ptime_ms));
        }
        if !self.flows && state.first_rtp.is_some() {
            self.flows = true;
            news.push("the first sound comes".into());
        }
        if state.talkspurts > self.talkspurts {
            self.talkspurts = state.talkspurts;
            news.push("the other side begins to speak".into());
        }
        let sent = state.keys_sent.iter().skip(self.keys_sent);
        news.extend(sent.map(|sent| format!("key {} pressed", sent.key)));
        self.keys_sent = state.keys_sent.len();
        let heard = state.keys_heard.iter().skip(self.keys_heard);
        news.extend(heard.map(|heard| format!("key {} heard", heard.key)));
        self.keys_heard = state.keys_heard.len();
        news
    }

    /// As [`Self::show`].
    pub fn tell(&self, what: &str) -> io::Result<bool> {
        match self.shown {
            true => print_line(&self.line(what)),
            false => Ok(true),
        }
    }

    fn line(&self, what: &str) -> String {
        let at = self.start.elapsed().as_secs_f64() * 1_000.0;
        format!("{at:>10.1} ms   ·   {what}")
    }
}

fn print_all(lines: &[String]) -> io::Result<bool> {
    match lines {
        [] => Ok(true),
        lines => print_line(&lines.join("\n")),
    }
}

/// The call in plain words, with what to do where it failed.
pub(super) fn summary(report: &Report) -> String {
    let mut text = outcome(report);
    if report.answered {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}", sound(report));
    }
    for key in &report.keys_sent {
        let _ = match key.talkspurt_after {
            Some(after) => {
                let ms = after.as_secs_f64() * 1_000.0;
                write!(text, "\nKey {}: answered after {ms:.0} ms.", key.key)
            }
            None => write!(text, "\nKey {}: nothing new was said after it.", key.key),
        };
    }
    text
}

fn outcome(report: &Report) -> String {
    let timings = &report.timings;
    if !report.answered {
        return failure(&report.ended);
    }
    let answered = timings.answered.unwrap_or_default();
    let length = timings.ended.unwrap_or_default().saturating_sub(answered);
    let who = match report.ended.how {
        How::HungUp => "you hung up",
        How::PeerHungUp => "the other side hung up",
        How::NoCommonMedia => "it was hung up since no sound could be agreed on",
        _ => "the other side was lost: no answer to our requests, or no connection",
    };
    let reason = report.ended.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
    format!(
        "Answered after {}, {} long; {who}{reason}.",
        seconds(answered),
        seconds(length)
    )
}

fn sound(report: &Report) -> String {
    let quality = &report.quality;
    let Some(gap) = quality.largest_gap else {
        return "No sound came: is a firewall or a wrong advertised address in the way?".to_owned();
    };
    let rtp = &quality.rtp;
    let expected = (rtp.packets_received + rtp.packets_lost).max(1);
    let lost = rtp.packets_lost as f64 * 100.0 / expected as f64;
    format!(
        "Sound: {} packets, {lost:.1} % lost, jitter {:.1} ms, MOS {:.1}; longest gap {} ms.",
        rtp.packets_received,
        rtp.jitter_ms,
        rtp.mos,
        gap.as_millis()
    )
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Why it was not answered, and what to do.
fn failure(ended: &Ended) -> String {
    let reason = ended.reason.as_deref().unwrap_or_default();
    let status = match ended.status {
        Some(status) => format!("{status} {reason}"),
        None => reason.to_owned(),
    };
    let advice = match (ended.how, ended.status) {
        (How::GaveUp, _) => return "You hung up before it was answered.".to_owned(),
        (How::NoAnswer, _) => {
            "Is a server listening at that address, port and transport \
             (;transport=tcp)? Does a firewall let SIP through?"
        }
        (_, Some(300..=399)) => {
            let to = ended.contacts.join(" or ");
            return format!("Not answered: {status}. Call {to} instead.");
        }
        (_, Some(401 | 407)) => "Name the account with --user and --password-file.",
        (_, Some(403)) => "The server lets this caller not in: see who it allows.",
        (_, Some(404 | 484 | 604)) => "Nobody has this number there: look at the target.",
        (_, Some(415 | 488 | 606)) => "No common codec: try --codec pcma,pcmu.",
        (_, Some(486 | 600)) => "The line is busy: try again later.",
        (_, Some(480 | 408)) => "Nobody is there to answer: try again later.",
        (_, Some(603)) => "The call was declined.",
        (_, Some(500..=599)) => "The server is full or in trouble: its log tells more.",
        _ => "The other side's log tells more.",
    };
    match status.trim() {
        "" => format!("Not answered. {advice}"),
        status => format!("Not answered: {status}. {advice}"),
    }
}
