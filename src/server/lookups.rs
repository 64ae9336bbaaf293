//! Names that are being looked up beside the signalling task, which never waits for them.

use crate::locator::{LocateError, Locator};
use crate::sip::location::Server;
use crate::sip::uri::SipUri;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Names that are looked up at once, or whose servers wait to be taken; one more is refused.
const LOOKUPS: usize = 1024;

/// What was found, and for what.
pub struct Located<For> {
    pub what_for: For,
    /// Never none.
    pub servers: Result<Vec<Server>, LocateError>,
}

pub struct Lookups<For> {
    locator: Arc<ArcSwap<Locator>>,
    to_task: mpsc::Sender<Located<For>>,
    located: mpsc::Receiver<Located<For>>,
}

impl<For: Send + 'static> Lookups<For> {
    pub fn new(locator: Locator) -> Lookups<For> {
        let (to_task, located) = mpsc::channel(LOOKUPS);
        Lookups {
            locator: Arc::new(ArcSwap::from_pointee(locator)),
            to_task,
            located,
        }
    }

    /// [`Lookups::next`] will tell. `false`: too many names are being looked up.
    pub fn ask(&self, what_for: For, uri: SipUri) -> bool {
        let Ok(room) = self.to_task.clone().try_reserve_owned() else {
            return false;
        };
        let locator = self.locator.clone();
        tokio::spawn(async move {
            let servers = up_to_date(&locator).locate(&uri).await;
            room.send(Located { what_for, servers });
        });
        true
    }

    pub async fn next(&mut self) -> Located<For> {
        let located = self.located.recv().await;
        located.expect("the sender is kept beside the receiver")
    }
}

fn up_to_date(locator: &ArcSwap<Locator>) -> Arc<Locator> {
    let current = locator.load_full();
    let Some(renewed) = current.renewed() else {
        return current;
    };
    let renewed = Arc::new(renewed);
    locator.store(renewed.clone());
    renewed
}
