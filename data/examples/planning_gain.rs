//! Does order matter to synthetic listeners? Plays the same pools to the same listeners by chance, greedily, and with
//! one step of look-ahead, all by the listeners' true laws, and prints the completed tracks per session.
//! Usage: `planning_gain [SESSIONS]`.

use listening_data::{
    Context, CounterRng, Listener, Responses, SessionRules, SessionState, Stream, SyntheticConfig, SyntheticWorld,
};

const POOL: usize = 40;
const LONGEST: usize = 30;

#[derive(Clone, Copy)]
enum Policy {
    Chance,
    Greedy,
    LookAhead,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions: u64 = std::env::args().nth(1).map_or(Ok(400), |text| text.parse())?;
    let world = SyntheticWorld::new(&SyntheticConfig::default(), 1)?;
    let policies = [("chance", Policy::Chance), ("greedy", Policy::Greedy), ("look-ahead", Policy::LookAhead)];
    let completed: Vec<Vec<f64>> = policies
        .iter()
        .map(|&(_, policy)| (0..sessions).map(|session| play(&world, session, policy)).collect())
        .collect();
    for ((name, _), counts) in policies.iter().zip(&completed) {
        let (mean, error) = mean_and_error(counts);
        println!("{name:<12} {mean:.3} completed tracks per session (standard error {error:.3})");
    }
    let gains: Vec<f64> = completed[2].iter().zip(&completed[1]).map(|(ahead, greedy)| ahead - greedy).collect();
    let (mean, error) = mean_and_error(&gains);
    println!("look-ahead minus greedy, in pairs: {mean:+.3} (standard error {error:.3})");
    Ok(())
}

/// Completed tracks in one session. The session's number settles listener, pool and luck for every policy.
fn play(world: &SyntheticWorld, number: u64, policy: Policy) -> f64 {
    let rules = SessionRules::default();
    let listener = world.listener(number as u32);
    let mut luck = CounterRng::new(1, Stream::CandidatePool, number, 0);
    let mut pool: Vec<u32> = Vec::new();
    while pool.len() < POOL {
        let track = luck.below(world.tracks().len()) as u32;
        // A pool that the listener may like, as candidate pools are.
        if world.affinity(&listener.taste, track) > 0.3 && !pool.contains(&track) {
            pool.push(track);
        }
    }
    let mut session = world.begin_session(&listener, Context::default(), &mut luck);
    let mut completed = 0.0;
    for step in 0..LONGEST as u32 {
        let choice = choose(world, &listener, &session, &pool, policy, &mut luck);
        let track = pool.swap_remove(choice);
        let mut response = CounterRng::new(1, Stream::Response, number, step);
        let heard = world.skip_hazard(&listener, &session, track).draw(&rules, &mut response);
        world.observe(&mut session, track, heard.ms_played, heard.responses);
        completed += f64::from(u8::from(heard.responses.complete == Some(true)));
        if f64::from(response.uniform()) < world.leave_probability(&session) {
            break;
        }
    }
    completed
}

fn choose(
    world: &SyntheticWorld,
    listener: &Listener,
    session: &SessionState,
    pool: &[u32],
    policy: Policy,
    luck: &mut CounterRng,
) -> usize {
    let value = |place: usize| match policy {
        Policy::Chance => 0.0,
        Policy::Greedy => completion(world, listener, session, pool[place]),
        Policy::LookAhead => value_of_two(world, listener, session, pool, place),
    };
    match policy {
        Policy::Chance => luck.below(pool.len()),
        _ => {
            let values: Vec<f64> = (0..pool.len()).map(value).collect();
            (0..pool.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
        }
    }
}

fn completion(world: &SyntheticWorld, listener: &Listener, session: &SessionState, track: u32) -> f64 {
    world.skip_hazard(listener, session, track).probabilities(&SessionRules::default()).complete
}

/// Expected completions of this play and of the best play after it.
fn value_of_two(
    world: &SyntheticWorld,
    listener: &Listener,
    session: &SessionState,
    pool: &[u32],
    place: usize,
) -> f64 {
    let track = pool[place];
    let duration_ms = world.tracks()[track as usize].duration_ms.unwrap_or(0);
    let now = world.skip_hazard(listener, session, track).probabilities(&SessionRules::default());
    let after = |complete: bool, ms_played: u32| {
        let mut next = session.clone();
        let responses = Responses { complete: Some(complete), skip: Some(!complete), past_threshold: None };
        world.observe(&mut next, track, ms_played, responses);
        let others = pool.iter().enumerate().filter(|(other, _)| *other != place);
        let best = others.map(|(_, &other)| completion(world, listener, &next, other)).fold(0.0, f64::max);
        (1.0 - world.leave_probability(&next)) * best
    };
    now.complete * (1.0 + after(true, duration_ms)) + now.skip * after(false, duration_ms / 10)
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}
