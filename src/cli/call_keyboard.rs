//! The terminal as a telephone's keypad: each key counts as it is typed, and is not shown.

use crate::key::Key;
use std::future::pending;
use std::io::{self, IsTerminal, Read};
use std::mem::MaybeUninit;
use tokio::sync::mpsc;

/// Keys typed ahead; further ones wait in the terminal.
const MAX_WAITING: usize = 16;

pub(super) enum Stroke {
    Key(Key),
    HangUp,
}

pub(super) struct Keyboard(Option<Attended>);

struct Attended {
    strokes: mpsc::Receiver<Stroke>,
    _unbuffered: Unbuffered,
}

impl Keyboard {
    /// Of standard input, where that is a terminal.
    pub fn open() -> Self {
        let unbuffered = io::stdin().is_terminal().then(Unbuffered::new).flatten();
        Self(unbuffered.map(|unbuffered| {
            let (strokes_in, strokes) = mpsc::channel(MAX_WAITING);
            // It ends with the process: a read from a terminal cannot be broken off.
            std::thread::spawn(move || read(&strokes_in));
            Attended {
                strokes,
                _unbuffered: unbuffered,
            }
        }))
    }

    /// Whether somebody can type.
    pub fn is_attended(&self) -> bool {
        self.0.is_some()
    }

    /// The next key that means something; never, where nobody can type.
    pub async fn next(&mut self) -> Stroke {
        let Some(attended) = &mut self.0 else {
            return pending().await;
        };
        match attended.strokes.recv().await {
            Some(stroke) => stroke,
            None => pending().await,
        }
    }
}

fn read(strokes: &mpsc::Sender<Stroke>) {
    for byte in io::stdin().lock().bytes() {
        let Ok(byte) = byte else { return };
        let stroke = match (char::from(byte), Key::from_char(char::from(byte))) {
            ('q' | 'Q', _) => Stroke::HangUp,
            // A to D are on no telephone that a caller has.
            (symbol, Some(key)) if !symbol.is_ascii_alphabetic() => Stroke::Key(key),
            _ => continue,
        };
        if strokes.blocking_send(stroke).is_err() {
            return;
        }
    }
}

/// The terminal gives each key at once and does not echo it, until this is dropped.
struct Unbuffered(libc::termios);

impl Unbuffered {
    fn new() -> Option<Self> {
        let mut settings = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: tcgetattr fills the whole structure when it returns 0.
        let before = unsafe {
            if libc::tcgetattr(libc::STDIN_FILENO, settings.as_mut_ptr()) != 0 {
                return None;
            }
            settings.assume_init()
        };
        let mut unbuffered = before;
        unbuffered.c_lflag &= !(libc::ICANON | libc::ECHO);
        // SAFETY: the settings are those of this terminal but for two flags.
        let set = unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &unbuffered) };
        (set == 0).then_some(Self(before))
    }
}

impl Drop for Unbuffered {
    fn drop(&mut self) {
        // SAFETY: these settings came from tcgetattr on this terminal.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &self.0) };
    }
}
