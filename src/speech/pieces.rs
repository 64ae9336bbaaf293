//! Sounds that are longer than an utterance can be, in pieces.

use super::recognizer::{LONGEST_UTTERANCE, SAMPLE_RATE};

/// Cuts a sound where it is quietest, so that each piece is an utterance: a long one of half of
/// [`LONGEST_UTTERANCE`] to the whole. At least one piece, which may be empty.
pub fn pieces(samples: &[i16]) -> Vec<&[i16]> {
    const BLOCK: usize = SAMPLE_RATE as usize / 10;
    let (mut rest, mut pieces) = (samples, Vec::new());
    while rest.len() > LONGEST_UTTERANCE {
        let from = LONGEST_UTTERANCE / 2;
        let blocks = rest[from..LONGEST_UTTERANCE].chunks(BLOCK).enumerate();
        let loudness =
            |block: &[i16]| -> u64 { block.iter().map(|&s| u64::from(s.unsigned_abs())).sum() };
        let quietest = blocks.min_by_key(|(_, block)| loudness(block));
        let cut = from + quietest.map_or(0, |(at, _)| at * BLOCK + BLOCK / 2);
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sounds_are_cut_where_they_are_quiet() {
        let mut sound = vec![1_000; 70 * 8_000];
        sound[20 * 8_000..20 * 8_000 + 4_000].fill(0);
        sound[45 * 8_000..45 * 8_000 + 4_000].fill(0);
        let cut = pieces(&sound);
        let seconds: Vec<usize> = cut.iter().map(|piece| piece.len() / 8_000).collect();
        assert_eq!(seconds, [20, 25, 24]);
        assert_eq!(cut.concat(), sound);
        assert_eq!(pieces(&sound[..100]).len(), 1);
    }
}
