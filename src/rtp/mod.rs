//! RTP and RTCP (RFC 3550), telephone-event (RFC 4733).

pub mod control;
pub mod e_model;
pub mod jitter_buffer;
pub mod latch;
pub mod outgoing;
pub mod packet;
pub mod reception;
pub mod rtcp;
pub mod sequence;
pub mod telephone_event;
pub mod transport;
