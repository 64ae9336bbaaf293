//! What loss and delay mean for the ear: the E-model (ITU-T G.107) for G.711 with concealment.

/// The rating of a connection with nothing wrong but G.107's default noises.
const BEST_RATING: f32 = 93.2;
/// Packet-loss robustness of G.711 with concealment at random loss (ITU-T G.113, appendix I).
const LOSS_ROBUSTNESS: f32 = 25.1;

/// The mean opinion score, 1.0 to 4.5, of listening and talking.
///
/// `loss` is the part of packets lost (0 to 1), `burst_ratio` how long losses in a row are against
/// what chance would give (1 = random), `delay_ms` the delay from mouth to ear.
pub fn mean_opinion_score(loss: f32, burst_ratio: f32, delay_ms: f32) -> f32 {
    let loss = loss.clamp(0.0, 1.0) * 100.0;
    let equipment = 95.0 * loss / (loss / burst_ratio.max(1.0) + LOSS_ROBUSTNESS);
    let echo_free_delay = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    let rating = (BEST_RATING - equipment - echo_free_delay).clamp(0.0, 100.0);
    let score = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6;
    score.clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(score: f32, expected: f32) {
        assert!((score - expected).abs() < 0.02, "{score} is not {expected}");
    }

    /// The formula worked by hand: R = 93.2, 93.2 − 1.2, and at 1, 5 and 20 % loss.
    #[test]
    fn known_points() {
        close(mean_opinion_score(0.0, 1.0, 0.0), 4.41);
        close(mean_opinion_score(0.0, 1.0, 50.0), 4.38);
        close(mean_opinion_score(0.01, 1.0, 0.0), 4.33);
        close(mean_opinion_score(0.05, 1.0, 0.0), 3.92);
        close(mean_opinion_score(0.20, 1.0, 0.0), 2.63);
    }

    #[test]
    fn worse_is_never_better() {
        let mut last = 4.5;
        for percent in 0..=100 {
            let score = mean_opinion_score(percent as f32 / 100.0, 1.0, 100.0);
            assert!(score <= last && score >= 1.0);
            assert!(mean_opinion_score(percent as f32 / 100.0, 3.0, 100.0) <= score);
            last = score;
        }
        assert!(mean_opinion_score(0.0, 1.0, 400.0) < mean_opinion_score(0.0, 1.0, 150.0) - 0.5);
        assert_eq!(mean_opinion_score(1.0, 10.0, 1_000.0), 1.0);
    }
}
