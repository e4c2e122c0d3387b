"""Spotify's account data, computed apart from the importer from the rules in docs/formats/spotify-account.md.

  check_spotify_account.py totals ACCOUNT.zip... -- EXTENDED.zip...   what `real_spotify_exports.rs` asserts
  check_spotify_account.py rules EXTENDED.zip...    the extended exports written as account data: how often the
                                                    rules say what the end reasons say

Needs nothing but Python; takes the extended exports' plays from check_spotify_extended.py."""
import collections, calendar, json, os, re, sys, time, zipfile
from itertools import groupby

GAP, LATE, SLACK = 20 * 60_000, 70_000, 65_000


def numbers(name):
    return [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', name)]


def account_rows(path):
    z = zipfile.ZipFile(path)
    for name in sorted((n for n in z.namelist() if n.endswith('.json')), key=numbers):
        for r in json.load(z.open(name)):
            end = calendar.timegm(time.strptime(r['endTime'], '%Y-%m-%d %H:%M')) * 1000
            yield dict(end=end, pair=(r['artistName'], r['trackName']), ms=r['msPlayed'])


def extended_plays(path):
    """The kept plays of an extended export, from the other script."""
    source = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'check_spotify_extended.py')).read()
    source = source.split('for path in sys.argv')[0].replace('    full = {}\n', '    return kept\n    full = {}\n')
    space = {}
    exec(source, space)
    return space['check'](path)


def clean(rows):
    """Plays in order, and the rows that were left out."""
    out = collections.Counter(read=len(rows))
    sounding = [r for r in rows if r['ms'] > 0]
    out['silent'] = len(rows) - len(sounding)
    sounding.sort(key=lambda r: r['end'])
    plays = []
    for _, group in groupby(sounding, key=lambda r: r['end']):
        unique = []
        for r in group:
            if any((u['pair'], u['ms']) == (r['pair'], r['ms']) for u in unique):
                out['duplicate'] += 1
            else:
                unique.append(r)
        if sum(r['ms'] for r in unique) - max(r['ms'] for r in unique) > LATE:
            out['late'] += len(unique)
            continue
        for r in unique:
            if any((p['pair'], p['ms']) == (r['pair'], r['ms']) and p['end'] - (r['end'] - r['ms']) > SLACK for p in plays[-8:]):
                out['again'] += 1
            else:
                plays.append(r)
    out['kept'] = len(plays)
    return plays, out


def repeated(plays):
    """Duration by pair: the most frequent ms of at least 30 s, if it occurs twice; of equally frequent ones the longest."""
    by_pair = collections.defaultdict(collections.Counter)
    for p in plays:
        if p['ms'] >= 30_000:
            by_pair[p['pair']][p['ms']] += 1
    best = {pair: max(counts.items(), key=lambda item: (item[1], item[0])) for pair, counts in by_pair.items()}
    return {pair: ms for pair, (ms, times) in best.items() if times >= 2}


def respond(plays, durations):
    """Adds complete, skip and past to one listener's plays; answers the number of sessions."""
    sessions, end = 0, None
    for play, after in zip(plays, plays[1:] + [None]):
        start = play['end'] - play['ms']
        if end is None or start - end >= GAP:
            sessions, end = sessions + 1, start
        end = max(end, play['end'])
        duration = durations.get(play['pair'])
        at_once = after is not None and after['end'] - after['ms'] - play['end'] <= SLACK
        play['complete'] = None if duration is None else play['ms'] >= 0.95 * duration
        play['skip'] = False if play['complete'] else True if duration and at_once and after['pair'] != play['pair'] else None
        play['past'] = play['ms'] >= 30_000 or bool(play['complete'] and duration >= 30_000)
        play['follow'] = 'end of session' if after is None or after['end'] - after['ms'] - end >= GAP else (
            'same track' if after['pair'] == play['pair'] else 'other track at once' if at_once else 'other track later')
    return sessions


def totals(accounts, extended):
    recorded, duration_of, candidates = collections.Counter(), {}, collections.defaultdict(list)
    full = collections.defaultdict(list)
    for path in extended:
        for p in extended_plays(path):
            uri = p['spotify_track_uri']
            if uri not in recorded:
                candidates[p['master_metadata_album_artist_name'], p['master_metadata_track_name']].append(uri)
            recorded[uri] += 1
            if p['o'] == 'finished' and p['ms_played'] >= 30_000:
                full[uri].append(p['ms_played'])
    duration_of = {uri: sorted(ms)[(len(ms) - 1) // 2] for uri, ms in full.items()}
    out, listeners = collections.Counter(), []
    for path in accounts:
        plays, counts = clean(list(account_rows(path)))
        listeners.append(plays)
        out.update(counts)
    everything = [p for plays in listeners for p in plays]
    pairs = {p['pair'] for p in everything}
    # Of the recordings of one name the most played, then the one that was met first.
    chosen = {pair: max(uris, key=lambda uri: recorded[uri]) for pair, uris in candidates.items() if pair in pairs}
    estimates = repeated(everything)
    durations = {pair: duration_of.get(chosen.get(pair)) or estimates.get(pair) for pair in pairs}
    durations = {pair: ms for pair, ms in durations.items() if ms}
    for plays in listeners:
        out['sessions'] += respond(plays, durations)
    for name in ('complete', 'skip', 'past'):
        out[name] = sum(p[name] is True for p in everything)
        out[name + '_missing'] = sum(p[name] is None for p in everything)
    out.update(pairs=len(pairs), shared_tracks=len(chosen), ambiguous=sum(len(candidates[pair]) > 1 for pair in chosen),
               matched_plays=sum(p['pair'] in chosen for p in everything),
               tracks=len(recorded) + len(pairs) - len(chosen),
               durations=len(durations), extended_plays=sum(recorded.values()))
    agree = [abs(estimates[pair] - duration_of[uri]) <= 0.05 * duration_of[uri]
             for pair, uri in chosen.items() if pair in estimates and len(full[uri]) >= 2]
    out.update(estimates_checked=len(agree), estimates_within_5_percent=sum(agree))
    return dict(out)


def rules(path):
    kept = [p for p in extended_plays(path)]
    rows = [dict(end=p['end'] // 60_000 * 60_000, ms=p['ms_played'], truth=p['o'],
                 pair=(p['master_metadata_album_artist_name'], p['master_metadata_track_name'])) for p in kept]
    plays, counts = clean(rows)
    durations = repeated(plays)
    respond(plays, durations)
    truth = {'finished': (True, False), 'stepped': (False, True), 'picked': (False, True), 'unknown': (None, None)}
    complete, skip = collections.Counter(), collections.Counter()
    for p in plays:
        c, s = truth.get(p['truth'], (False, False))
        if p['complete'] is not None and c is not None:
            complete[p['complete'], c] += 1
        if p['complete'] is False and s is not None:
            skip[p['follow'], s] += 1
    full = collections.defaultdict(list)
    for p in plays:
        if p['truth'] == 'finished' and p['ms'] >= 30_000:
            full[p['pair']].append(p['ms'])
    near = [abs(durations[k] - sorted(v)[(len(v) - 1) // 2]) <= 0.05 * durations[k] for k, v in full.items() if k in durations and len(v) >= 2]
    print(dict(counts), 'durations', len(durations), 'checked', len(near), 'within 5 %', sum(near) / len(near))
    for said in (True, False):
        yes = complete[said, said]
        print(f'  complete {said}: right in {yes} of {yes + complete[said, not said]}')
    for follow in ('other track at once', 'other track later', 'same track', 'end of session'):
        yes, no = skip[follow, True], skip[follow, False]
        print(f'  incomplete, then {follow}: skipped {yes} of {yes + no}')


if __name__ == '__main__':
    mode, paths = sys.argv[1], sys.argv[2:]
    if mode == 'rules':
        for path in paths:
            rules(path)
    else:
        border = paths.index('--')
        print(totals(paths[:border], paths[border + 1:]))
