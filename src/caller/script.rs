//! What a caller does, step by step.

use crate::caller::call::{Call, PressError, WaitError};
use crate::key::Key;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep_until, timeout};

/// Longer than any call that a script makes.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Steps follow each other; the first begins when the call is answered. A call that ends ends them.
#[derive(Debug, Clone)]
pub enum Step {
    Wait(Duration),
    /// Waits until so long after the answer.
    At(Duration),
    /// Waits until the peer begins to speak after the steps before, at most so long.
    UntilTalkspurt(Duration),
    /// Waits until nothing but silence was heard for so long, from now on.
    UntilQuietFor(Duration),
    Press(Vec<Key>),
    /// To its end.
    Play(Arc<[i16]>),
    UntilEnded,
    HangUp,
}

#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Press(#[from] PressError),
    #[error(transparent)]
    Wait(#[from] WaitError),
}

/// Runs the steps. After the last one the call goes on. That the call ends before is no error.
pub async fn run(call: &Call, steps: &[Step]) -> Result<(), StepError> {
    match run_steps(call, steps).await {
        Err(_) if call.state().ended.is_some() => Ok(()),
        result => result,
    }
}

async fn run_steps(call: &Call, steps: &[Step]) -> Result<(), StepError> {
    let state = call.until_answered(FOREVER).await?;
    let Some(answered) = state.answered else {
        return Ok(());
    };
    let mut talkspurts = 0;
    for step in steps {
        match step {
            Step::Wait(time) => wait(call, *time).await?,
            Step::At(time) => {
                let ended = call.until(FOREVER, |_| false);
                tokio::select! {
                    () = sleep_until((answered + *time).into()) => {}
                    Err(error) = ended => return Err(error.into()),
                }
            }
            Step::UntilTalkspurt(within) => {
                let spoken = call.until(*within, |state| state.talkspurts > talkspurts);
                spoken.await?;
            }
            Step::UntilQuietFor(time) => until_quiet_for(call, *time).await?,
            Step::Press(keys) => {
                talkspurts = call.state().talkspurts;
                call.press(keys).await?;
            }
            Step::Play(samples) => {
                call.play_to_its_end(samples.clone()).await?;
                talkspurts = call.state().talkspurts;
            }
            Step::UntilEnded => _ = call.until(FOREVER, |state| state.ended.is_some()).await?,
            Step::HangUp => call.hang_up().await,
        }
    }
    Ok(())
}

/// In vain if the call ends meanwhile.
async fn wait(call: &Call, time: Duration) -> Result<(), WaitError> {
    match call.until(time, |_| false).await {
        Err(WaitError::TimedOut(..)) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn until_quiet_for(call: &Call, time: Duration) -> Result<(), WaitError> {
    let begun = Instant::now();
    loop {
        let state = call.until(FOREVER, |s| s.quiet_since.is_some()).await?;
        let Some(since) = state.quiet_since else {
            continue;
        };
        let left = time.saturating_sub(since.max(begun).elapsed());
        let disturbed = call.until(left, |s| s.quiet_since != Some(since));
        match timeout(left, disturbed).await {
            Ok(Ok(_)) => continue,
            Ok(Err(WaitError::TimedOut(..))) | Err(_) => return Ok(()),
            Ok(Err(error)) => return Err(error),
        }
    }
}
