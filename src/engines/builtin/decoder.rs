//! Token passing: the best way through a [`Graph`] for the units that the network saw, and how well
//! each way fits. All scores are in nepers below the freest reading, in which each moment is whatever
//! unit is likeliest: 0 is a perfect fit.

use super::graph::{Graph, START};
use crate::speech::grammar::Meaning;

/// A unit that the network holds for less likely than this is as unlikely as this.
const FLOOR: f32 = -7.0;
/// The network was trained on many more blanks than any unit, and says them where it is in doubt: then
/// short words would fit best.
const BLANK_PRIOR: f32 = 2.5;
/// What each unit costs that is heard as "anything".
const ANYTHING: f32 = 6.0;
/// Ways so far behind the best one are given up.
const BEAM: f32 = 60.0;
const BLANK: usize = 0;
const NOTHING: u32 = u32::MAX;
const DEAD: Token = Token {
    score: f32::NEG_INFINITY,
    entered: 0.0,
    history: NOTHING,
    anything: 0,
};

/// One way through the graph up to now.
#[derive(Clone, Copy)]
struct Token {
    score: f32,
    /// The score with which the present word began.
    entered: f32,
    /// The last whole word, an index into the decoder's words.
    history: u32,
    /// Units that were heard as "anything".
    anything: u16,
}

/// A word that a way has passed.
#[derive(Clone, Copy)]
struct Passed {
    before: u32,
    arc: u32,
    /// How well it fits.
    score: f32,
}

/// At a node there are tokens that have just arrived, that wait in silence, that hear anything.
#[derive(Clone, Copy)]
struct Place {
    arrived: Token,
    /// The unit that it came by, which must not follow itself without a blank.
    unit: usize,
    waiting: Token,
    anything: Token,
}

impl Place {
    const EMPTY: Place = Place {
        arrived: DEAD,
        unit: BLANK,
        waiting: DEAD,
        anything: DEAD,
    };

    fn best(&self) -> Token {
        better(self.arrived, self.rested())
    }

    fn rested(&self) -> Token {
        better(self.waiting, self.anything)
    }

    fn leaving_by(&self, unit: usize) -> Token {
        if self.unit == unit {
            self.rested()
        } else {
            self.best()
        }
    }
}

fn better(a: Token, b: Token) -> Token {
    if b.score > a.score { b } else { a }
}

/// What speaks for one reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// All words, those around a wish too.
    pub text: String,
    /// Those that matter.
    pub wish: String,
    /// Of the phrase that these are, if it has one.
    pub meaning: Option<Meaning>,
    /// The whole way's score.
    pub score: f32,
    /// Of the words that matter, for each of their units.
    pub fit: f32,
    /// How many units these words have.
    pub units: usize,
    /// How many units were heard that are no words.
    pub anything: usize,
    /// How many units the words around have, and how well they fit, all of them together.
    pub around: usize,
    pub around_fit: f32,
}

impl Evidence {
    /// Whether the other reading would lead elsewhere.
    pub fn rivals(&self, other: &Evidence) -> bool {
        self.wish != other.wish && (self.meaning.is_none() || self.meaning != other.meaning)
    }
}

/// One utterance's. Its memory grows with the words that were possible.
#[derive(Clone)]
pub struct Decoder {
    /// Of each arc, its units and the blanks between them: unit, blank, unit, …
    tokens: Vec<Token>,
    /// Where each arc's tokens begin, and whether any is alive.
    arcs: Vec<(usize, bool)>,
    places: Vec<Place>,
    passed: Vec<Passed>,
    likeliest: usize,
    /// The best score of the last moment.
    best: f32,
}

impl Decoder {
    pub fn new(graph: &Graph) -> Decoder {
        let mut first = 0;
        let arcs = graph.arcs.iter().map(|arc| {
            let arc_first = first;
            first += 2 * arc.units.len() - 1;
            (arc_first, false)
        });
        let arcs = arcs.collect();
        let mut places = vec![Place::EMPTY; graph.nodes.len()];
        places[START].waiting = Token { score: 0.0, ..DEAD };
        Decoder {
            tokens: vec![DEAD; first],
            arcs,
            places,
            passed: Vec::new(),
            likeliest: BLANK,
            best: 0.0,
        }
    }

    /// The next 30 ms: the network's scores for each unit.
    pub fn push(&mut self, graph: &Graph, logits: &[f32]) {
        let logit = |unit: usize| logits[unit] - if unit == BLANK { BLANK_PRIOR } else { 0.0 };
        let units = 0..logits.len();
        let likeliest = units.clone().max_by(|a, b| logit(*a).total_cmp(&logit(*b)));
        let likeliest = likeliest.unwrap_or(BLANK);
        let scores: Vec<f32> = units
            .map(|unit| (logit(unit) - logit(likeliest)).max(FLOOR))
            .collect();
        let new_unit = likeliest != BLANK && likeliest != self.likeliest;
        self.likeliest = likeliest;
        let least = self.best - BEAM;
        self.best = f32::NEG_INFINITY;
        let mut arrived = vec![(DEAD, usize::MAX); graph.nodes.len()];
        for at in 0..graph.arcs.len() {
            self.step_arc(graph, at, &scores, least, &mut arrived);
        }
        for (node, (token, arc)) in arrived.into_iter().enumerate() {
            let silence = scores[BLANK];
            self.step_place(graph, node, silence, new_unit);
            if arc != usize::MAX {
                self.arrive(graph, node, token, arc);
            }
            self.best = self.best.max(self.places[node].best().score);
        }
        self.fill_tail(graph);
    }

    fn step_arc(
        &mut self,
        graph: &Graph,
        at: usize,
        scores: &[f32],
        least: f32,
        arrived: &mut [(Token, usize)],
    ) {
        let arc = &graph.arcs[at];
        let (first, alive) = self.arcs[at];
        let mut entering = self.places[arc.from].leaving_by(usize::from(arc.units[0]));
        entering.score -= arc.cost;
        entering.entered = entering.score;
        if !alive && entering.score < least {
            return;
        }
        let tokens = &mut self.tokens[first..][..2 * arc.units.len() - 1];
        let mut best = f32::NEG_INFINITY;
        for state in (0..tokens.len()).rev() {
            let unit = usize::from(arc.units[state / 2]);
            let mut token = tokens[state];
            if state == 0 {
                token = better(token, entering);
            } else {
                token = better(token, tokens[state - 1]);
            }
            if state % 2 == 1 {
                token.score += scores[BLANK];
            } else {
                if state >= 2 && usize::from(arc.units[state / 2 - 1]) != unit {
                    token = better(token, tokens[state - 2]);
                }
                token.score += scores[unit];
            }
            best = best.max(token.score);
            tokens[state] = token;
        }
        self.best = self.best.max(best);
        self.arcs[at].1 = best >= least;
        if best < least {
            tokens.fill(DEAD);
            return;
        }
        let last = tokens[tokens.len() - 1];
        if last.score >= least && last.score > arrived[arc.to].0.score {
            arrived[arc.to] = (last, at);
        }
    }

    fn step_place(&mut self, graph: &Graph, node: usize, silence: f32, new_unit: bool) {
        let place = &mut self.places[node];
        let before = place.best();
        place.waiting = Token {
            score: before.score + silence,
            ..before
        };
        if graph.nodes[node].anything {
            let mut token = before;
            if new_unit {
                token.score -= ANYTHING;
                token.anything += 1;
            }
            place.anything = token;
        }
        place.arrived = DEAD;
    }

    fn arrive(&mut self, graph: &Graph, node: usize, token: Token, arc: usize) {
        let place = &mut self.places[node];
        if token.score <= place.rested().score {
            return;
        }
        self.passed.push(Passed {
            before: token.history,
            arc: arc as u32,
            score: token.score - token.entered,
        });
        let units = &graph.arcs[arc].units;
        place.unit = usize::from(units[units.len() - 1]);
        place.arrived = Token {
            history: self.passed.len() as u32 - 1,
            ..token
        };
    }

    /// The best of all ends may go on with words that follow any wish.
    fn fill_tail(&mut self, graph: &Graph) {
        let Some(tail) = graph.tail else { return };
        let ends = graph.nodes.iter().zip(&self.places).enumerate();
        let ends = ends.filter(|(at, (node, _))| *at != tail && node.end.is_some());
        let best = ends.map(|(_, (node, place))| {
            let mut token = place.best();
            token.score -= node.end.unwrap_or(0.0);
            token
        });
        let best = best.fold(DEAD, better);
        let place = &mut self.places[tail];
        if best.score > place.best().score {
            place.arrived = best;
            place.unit = BLANK;
        }
    }

    /// Every reading that may end here, the best first, each wish once.
    pub fn readings(&self, graph: &Graph, most: usize) -> Vec<Evidence> {
        let ends = graph.nodes.iter().zip(&self.places);
        let tokens = ends.filter_map(|(node, place)| {
            let mut token = place.best();
            token.score -= node.end?;
            (token.history != NOTHING && token.score.is_finite()).then_some(token)
        });
        let mut tokens: Vec<Token> = tokens.collect();
        tokens.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut readings: Vec<Evidence> = Vec::new();
        for token in tokens {
            let reading = self.evidence(graph, token);
            if !readings.iter().any(|other| other.wish == reading.wish) {
                readings.push(reading);
            }
            if readings.len() == most {
                break;
            }
        }
        readings
    }

    fn evidence(&self, graph: &Graph, token: Token) -> Evidence {
        let (mut words, mut wish) = (Vec::new(), Vec::new());
        let mut meaning = None;
        let (mut fit, mut units) = (0.0, 0);
        let (mut around_fit, mut around) = (0.0, 0);
        let mut at = token.history;
        while let Some(passed) = self.passed.get(at as usize) {
            let arc = &graph.arcs[passed.arc as usize];
            let word = graph.words[arc.word].as_str();
            words.push(word);
            if arc.around {
                around_fit += passed.score;
                around += arc.units.len();
            } else {
                meaning = meaning.or(graph.nodes[arc.to].meaning);
                wish.push(word);
                fit += passed.score;
                units += arc.units.len();
            }
            at = passed.before;
        }
        words.reverse();
        wish.reverse();
        Evidence {
            text: words.join(graph.separator),
            wish: wish.join(graph.separator),
            meaning,
            score: token.score,
            fit: fit / units.max(1) as f32,
            units,
            anything: usize::from(token.anything),
            around,
            around_fit,
        }
    }
}
