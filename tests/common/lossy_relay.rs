//! A network between telephones and a server that loses datagrams, by a seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// A telephone that is silent for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(150);

/// Stands before one address. Each telephone has a port of its own towards it.
pub struct LossyRelay {
    pub address: SocketAddr,
    lost: Arc<AtomicU64>,
}

struct Chance {
    loss: f64,
    rng: Mutex<StdRng>,
    lost: Arc<AtomicU64>,
}

impl Chance {
    fn loses(&self) -> bool {
        let mut rng = self.rng.lock().expect("nothing panics under it");
        let loses = rng.random_bool(self.loss);
        self.lost.fetch_add(u64::from(loses), Ordering::Relaxed);
        loses
    }
}

impl LossyRelay {
    /// `loss`: the share of what is lost, either way.
    pub async fn start(server: SocketAddr, loss: f64, seed: u64) -> LossyRelay {
        let front = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = front.local_addr().expect("it is bound");
        let lost = Arc::new(AtomicU64::new(0));
        let chance = Arc::new(Chance {
            loss,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            lost: lost.clone(),
        });
        tokio::spawn(run(Arc::new(front), server, chance));
        LossyRelay { address, lost }
    }

    /// How many datagrams it has lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

async fn run(front: Arc<UdpSocket>, server: SocketAddr, chance: Arc<Chance>) {
    let mut ways: HashMap<SocketAddr, std::sync::Weak<UdpSocket>> = HashMap::new();
    let mut buffer = [0; 65_536];
    loop {
        let Ok((length, from)) = front.recv_from(&mut buffer).await else {
            continue;
        };
        let known = ways.get(&from).and_then(|way| way.upgrade());
        let way = match known {
            Some(way) => way,
            None => {
                let way = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
                way.connect(server).await.expect("loopback");
                let way = Arc::new(way);
                ways.retain(|_, way| way.strong_count() > 0);
                ways.insert(from, Arc::downgrade(&way));
                tokio::spawn(back(way.clone(), front.clone(), from, chance.clone()));
                way
            }
        };
        if !chance.loses() {
            // A server that is gone is the test's business.
            let _ = way.send(&buffer[..length]).await;
        }
    }
}

async fn back(way: Arc<UdpSocket>, front: Arc<UdpSocket>, to: SocketAddr, chance: Arc<Chance>) {
    let mut buffer = [0; 65_536];
    while let Ok(received) = timeout(FORGOTTEN_AFTER, way.recv(&mut buffer)).await {
        if let Ok(length) = received
            && !chance.loses()
        {
            let _ = front.send_to(&buffer[..length], to).await;
        }
    }
}
