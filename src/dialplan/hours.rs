//! Opening hours of a week.

/// The minutes of a week in which people are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklyHours {}
