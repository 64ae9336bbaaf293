//! A target that dies and comes back, on a real server: rung last meanwhile.

mod common;

use common::{DIALPLAN, Server};
use std::time::Duration;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(40);

fn answering() -> Behaviour {
    Behaviour::Answer(Answer::default())
}

async fn person() -> Answerer {
    let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), answering()).await;
    listening.expect("loopback has a free port")
}

/// A caller wants a person, and this one is rung.
async fn is_rung(server: &Server, person: &mut Answerer) {
    let telephone = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = telephone.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 0).await;
    spoken_to.expect("it speaks");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    let talk = person.next_call(LONG).await.expect("they are rung");
    talk.until_answered(LONG).await.expect("they talk");
    call.finish().await.expect("it is told");
    talk.ended(LONG).await.expect("both sides end");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dies_is_rung_last_and_first_again_when_back() {
    let (mut first, mut second) = (person().await, person().await);
    let (one, two) = (first.uri("one"), second.uri("two"));
    let ring = format!("ring: [\"{one}\", \"{two}\"], rest: 0s");
    let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &ring);
    let settings = "transfers: { allow: [\"sip:*@127.0.0.1\"], health: 5s }\n";
    let server = Server::start_with(&dialplan, settings);
    let is_up = |target: &str, is_up: u8| {
        server.wait_for_metric(&format!(
            "zeroline_target_up{{target=\"{target}\"}} {is_up}"
        ));
    };
    is_rung(&server, &mut first).await;

    first.behave(Behaviour::PlayDead).await;
    is_up(&one, 0);
    is_up(&two, 1);
    is_rung(&server, &mut second).await;

    first.behave(answering()).await;
    is_up(&one, 1);
    is_rung(&server, &mut first).await;

    // Nobody lost a moment with who was dead.
    for record in server.records(3) {
        let attempts = record["attempts"].as_array().map(Vec::len);
        assert_eq!(attempts, Some(1), "{record}");
    }
}
