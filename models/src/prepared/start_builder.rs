//! Builds the features of a moment and the candidates of a session start.

use std::collections::{HashMap, HashSet};

use listening_data::{Context, CounterRng, Session, Source, Stream};

use super::{SOURCES, StateAtStart};
use crate::features::{
    CONTEXT_FEATURES, RELATION_FEATURES, Relations, SLOW_FEATURES, Tally, TrackTotals, UserHistory, write_context,
};
use crate::track_embeddings::TrackVectors;

/// All that is known just before a session.
pub struct Moment<'a> {
    pub(super) relations: Relations<'a>,
    state: StateAtStart<'a>,
    session: &'a Session,
}

impl Moment<'_> {
    /// User state, slow features and context.
    pub(super) fn session_features(&self) -> Vec<f32> {
        let relations = &self.relations;
        let state = self.state.vector.len();
        let mut features = vec![0.0; state + SLOW_FEATURES + CONTEXT_FEATURES];
        features[..state].copy_from_slice(self.state.vector);
        let base = relations.totals.base_rates();
        let slow = &mut features[state..state + SLOW_FEATURES];
        relations.history.write_slow_features(relations.now_ms, &base, slow);
        write_context(&self.session.context, &mut features[state + SLOW_FEATURES..]);
        features
    }

    /// The session start of the moment with these candidates.
    fn start(&self, user: u32, number: u64, tracks: Vec<u32>) -> SessionStart {
        let mut relations = vec![0.0; tracks.len() * RELATION_FEATURES];
        for (&track, features) in tracks.iter().zip(relations.chunks_exact_mut(RELATION_FEATURES)) {
            self.relations.write(track, features);
        }
        let state = &self.state;
        SessionStart {
            user,
            logged_session: number as u32,
            session_features: self.session_features(),
            track_direction: state.direction.to_vec(),
            memory: state.memory.to_vec(),
            gap_hours: state.gap_hours,
            tracks,
            relations,
        }
    }
}

/// One session start, as it is stored.
pub struct SessionStart {
    pub(super) user: u32,
    pub(super) logged_session: u32,
    pub(super) session_features: Vec<f32>,
    pub(super) track_direction: Vec<f32>,
    pub(super) memory: Vec<f32>,
    pub(super) gap_hours: f32,
    pub(super) tracks: Vec<u32>,
    pub(super) relations: Vec<f32>,
}

/// The context of a session whose tracks somebody else chooses.
///
/// What listeners chose themselves they like better than the model can tell, as it does not know what they are after. Where
/// part of the log was shuffled, its marks tell the model how tracks are taken that were not chosen: a simulated session
/// carries them.
fn chosen_for(context: &Context) -> Context {
    Context { shuffle: Some(true), source: Some(Source::Playlist), ..*context }
}

/// Chooses candidates: a theme, the user's library, and the nearest to the user state.
pub struct StartBuilder<'a> {
    vectors: &'a TrackVectors,
    artists: &'a [u32],
    totals: &'a TrackTotals,
    candidates_per_source: usize,
    seed: u64,
    /// Cumulative training plays plus one: popular tracks fill what a source lacks.
    popularity: Vec<u64>,
}

impl<'a> StartBuilder<'a> {
    /// A builder over one catalog.
    pub fn new(
        vectors: &'a TrackVectors,
        artists: &'a [u32],
        totals: &'a TrackTotals,
        candidates_per_source: usize,
        seed: u64,
    ) -> Self {
        let mut sum = 0;
        let popularity = totals.tracks.iter().map(|tally| {
            sum += u64::from(tally.plays) + 1;
            sum
        });
        Self { vectors, artists, totals, candidates_per_source, seed, popularity: popularity.collect() }
    }

    pub(super) fn totals(&self) -> &TrackTotals {
        self.totals
    }

    pub(super) fn artists(&self) -> &[u32] {
        self.artists
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn track_dimension(&self) -> usize {
        self.vectors.dimension()
    }

    pub(super) fn candidates_per_source(&self) -> usize {
        self.candidates_per_source
    }

    /// The moment before `session` (of which only start and context are looked at).
    pub fn moment<'m>(
        &'m self,
        history: &'m UserHistory,
        state: StateAtStart<'m>,
        own: &'m HashMap<u32, Tally>,
        session: &'m Session,
    ) -> Moment<'m> {
        let relations = Relations {
            history,
            state: state.direction,
            now_ms: session.start_ms,
            totals: self.totals,
            own,
            artists: self.artists,
            vectors: self.vectors,
        };
        Moment { relations, state, session }
    }

    /// The session start of a moment. `number` names its random draws.
    pub fn build(&self, moment: &Moment<'_>, user: u32, number: u64) -> SessionStart {
        let mut rng = CounterRng::new(self.seed, Stream::CandidatePool, number, u32::MAX);
        let library = moment.relations.history.library();
        let wanted = self.candidates_per_source;
        let theme = match self.theme_seed(library, &mut rng) {
            Some(track) => self.vectors.nearest(self.vectors.vector(track), wanted),
            None => Vec::new(),
        };
        let own = sample(library, wanted, &mut rng);
        let nearest = match moment.relations.state.iter().any(|&x| x != 0.0) {
            true => self.vectors.nearest(moment.relations.state, wanted),
            false => Vec::new(),
        };
        let mut tracks = Vec::with_capacity(SOURCES.len() * wanted);
        for source in [theme, own, nearest] {
            tracks.extend(self.filled(source, &mut rng));
        }
        let mut start = moment.start(user, number, tracks);
        if self.totals.with_propensity > 0 {
            let at = start.session_features.len() - CONTEXT_FEATURES;
            write_context(&chosen_for(&moment.session.context), &mut start.session_features[at..]);
        }
        start
    }

    /// The session start of a moment with a pool that was recorded: it takes the first slots, in its order; the other
    /// slots, of `slots`, repeat its first track.
    pub(super) fn build_for_pool(
        &self,
        moment: &Moment<'_>,
        user: u32,
        number: u64,
        pool: &[u32],
        slots: usize,
    ) -> SessionStart {
        let filling = std::iter::repeat(pool[0]);
        moment.start(user, number, pool.iter().copied().chain(filling).take(slots).collect())
    }

    /// The track that a theme grows around: one of the user's, or a popular one. Only tracks with a vector have
    /// neighbours; most have one, so a few draws find it.
    fn theme_seed(&self, library: &[u32], rng: &mut CounterRng) -> Option<u32> {
        const DRAWS: usize = 32;
        let known = |track: &u32| self.vectors.known(*track);
        let own = match library {
            [] => None,
            tracks => (0..DRAWS).map(|_| tracks[rng.below(tracks.len())]).find(known),
        };
        own.or_else(|| (0..DRAWS).map(|_| self.popular(rng)).find(known))
    }

    /// A track drawn with probability proportional to its plays plus one.
    fn popular(&self, rng: &mut CounterRng) -> u32 {
        let total = self.popularity.last().copied().unwrap_or(1);
        let target = rng.below(total as usize) as u64;
        self.popularity.partition_point(|&sum| sum <= target) as u32
    }

    /// Fills a source that is too small with popular tracks that it does not hold. A few draws may hit tracks that
    /// are there already; those stay as repeats, which a pool drops.
    fn filled(&self, mut source: Vec<u32>, rng: &mut CounterRng) -> Vec<u32> {
        let mut held: HashSet<u32> = source.iter().copied().collect();
        while source.len() < self.candidates_per_source {
            let track = (0..8).map(|_| self.popular(rng)).find(|track| !held.contains(track));
            let track = track.unwrap_or_else(|| self.popular(rng));
            held.insert(track);
            source.push(track);
        }
        source
    }
}

/// `count` different elements in random order, or all.
fn sample(values: &[u32], count: usize, rng: &mut CounterRng) -> Vec<u32> {
    let mut values = values.to_vec();
    let count = count.min(values.len());
    for place in 0..count {
        let other = place + rng.below(values.len() - place);
        values.swap(place, other);
    }
    values.truncate(count);
    values
}
