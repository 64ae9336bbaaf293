//! What templates and conditions see of a call.

use super::interpreter::Dialogue;
use crate::dialplan::template::Values;
use jiff::Timestamp;
use jiff::civil::Date;
use minijinja::Value;

impl Dialogue {
    /// For what is said and for `set`: no sensitive slot is among them (law 8).
    pub(super) fn spoken_values(&self) -> Values {
        self.values(false)
    }

    /// For lookups and conditions: all of them.
    pub(super) fn all_values(&self) -> Values {
        self.values(true)
    }

    /// Where the dialplan is.
    pub(super) fn today(&self) -> Date {
        let unix = self.context.unix + self.now.saturating_duration_since(self.began);
        let seconds = i64::try_from(unix.as_secs()).unwrap_or(i64::MAX);
        let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        self.dialplan().timezone.to_datetime(moment).date()
    }

    fn values(&self, with_sensitive: bool) -> Values {
        let mut values = self.saved.clone();
        for (slot, value) in self.dialplan().slots.iter().zip(&self.slots) {
            if let Some(value) = value
                && (with_sensitive || !slot.sensitive)
            {
                values.insert(slot.name.clone(), Value::from(value.as_str()));
            }
        }
        let call = [
            ("caller", self.context.caller.clone()),
            ("called", self.context.called.clone()),
            ("language", self.language.tag().to_string()),
            ("reference", self.context.call_ref.to_string()),
        ];
        values.insert("call".to_string(), Value::from_pairs(call));
        values
    }
}
