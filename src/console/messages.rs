//! The messages that callers left, to be heard: `GET /messages/CALL-N.wav`, as letters and records name
//! them below the data folder, or `GET /messages/CALL.wav` for the last one of a call.

use super::guard::admit;
use super::http::Console;
use crate::events::CallRef;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io::ErrorKind;

/// The longest that is sent: over an hour of sound.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

pub fn router(console: Console) -> Router {
    Router::new()
        .route("/messages/{name}", get(message))
        .with_state(console)
}

async fn message(
    State(console): State<Console>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = admit(&console, &headers) {
        return refusal.into_response();
    }
    let not_found = || (StatusCode::NOT_FOUND, "there is no such message\n").into_response();
    let Some((call, number)) = parse(&name) else {
        return not_found();
    };
    let folder = console.data.join("messages");
    let read = async {
        let number = match number {
            Some(number) => number,
            None => last_of(call, &folder).await?,
        };
        let file = folder.join(format!("{call}-{number}.wav"));
        let length = tokio::fs::metadata(&file).await?.len();
        match length <= MAX_BYTES {
            true => tokio::fs::read(&file).await,
            false => Err(ErrorKind::FileTooLarge.into()),
        }
    };
    match read.await {
        Ok(sound) => sound_of(sound),
        Err(error) if error.kind() == ErrorKind::NotFound => not_found(),
        Err(error) => {
            tracing::error!(%call, %error, "a message cannot be read");
            let told = "the message cannot be read: the server's log says why\n";
            (StatusCode::INTERNAL_SERVER_ERROR, told).into_response()
        }
    }
}

fn sound_of(sound: Vec<u8>) -> Response {
    let mut response = sound.into_response();
    let headers = response.headers_mut();
    let told = [
        (header::CONTENT_TYPE, "audio/wav"),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in told {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The number of a call's last message.
async fn last_of(call: CallRef, folder: &std::path::Path) -> std::io::Result<u32> {
    let mut files = tokio::fs::read_dir(folder).await?;
    let mut last = None;
    while let Some(file) = files.next_entry().await? {
        let parsed = file.file_name().to_str().and_then(parse);
        if let Some((of, Some(number))) = parsed
            && of == call
        {
            last = last.max(Some(number));
        }
    }
    last.ok_or_else(|| ErrorKind::NotFound.into())
}

/// Of `CALL-N.wav` or `CALL.wav` the call and the number; of nothing that could lead elsewhere.
fn parse(name: &str) -> Option<(CallRef, Option<u32>)> {
    let stem = name.strip_suffix(".wav")?;
    let (call, number) = match stem.split_once('-') {
        None => (stem, None),
        Some((call, number)) => {
            let is_plain = number.bytes().all(|octet| octet.is_ascii_digit());
            (call, Some(number.parse().ok().filter(|_| is_plain)?))
        }
    };
    Some((CallRef::from_string(call).ok()?, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_of_calls_are_named() {
        let call = CallRef::from_parts(1_750_000_000_000, 7);
        assert_eq!(parse(&format!("{call}-57.wav")), Some((call, Some(57))));
        assert_eq!(parse(&format!("{call}.wav")), Some((call, None)));
        for wrong in [
            format!("{call}-57.mp3"),
            format!("{call}-.wav"),
            format!("{call}-+5.wav"),
            format!("{call}-5/../7.wav"),
            format!("../{call}-57.wav"),
            "../../calls.db".into(),
            "..".into(),
            String::new(),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_last_message_of_a_call_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let call = CallRef::from_parts(1, 7);
        let other = CallRef::from_parts(1, 8);
        for name in [
            format!("{call}-9.wav"),
            format!("{call}-10.wav"),
            format!("{other}-11.wav"),
        ] {
            std::fs::write(folder.path().join(name), "").expect("writes");
        }
        let folder = folder.path().to_owned();
        assert_eq!(last_of(call, &folder).await.expect("it is there"), 10);
        let none = last_of(CallRef::from_parts(1, 9), &folder).await;
        assert_eq!(none.expect_err("it has none").kind(), ErrorKind::NotFound);
    }
}
