//! SDP (RFC 8866) and offer/answer (RFC 3264).

pub mod audio_line;
pub mod direction;
pub mod offer_answer;
pub mod session_description;
