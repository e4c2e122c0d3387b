"""Totals of Spotify extended exports, computed apart from the importer from the rules in
docs/formats/spotify-extended.md; `real_spotify_exports.rs` asserts them. Needs nothing but Python."""
import zipfile, json, calendar, time, sys
from itertools import groupby
def check(path):
    z = zipfile.ZipFile(path)
    rows = [r for n in sorted(z.namelist()) if n.endswith('.json') for r in json.load(z.open(n))]
    dev = {'android':'phone','ios':'phone','ipad':'tablet','os x':'computer','windows':'computer','linux':'computer','web_player':'web','cast':'speaker'}
    for i, r in enumerate(rows):
        r['end'] = calendar.timegm(time.strptime(r['ts'], '%Y-%m-%dT%H:%M:%SZ')) * 1000
        r['start'] = r['end'] - r['ms_played']; r['i'] = i; r['dev'] = dev.get(r['platform'])
    rows.sort(key=lambda r: (r['end'], r['start'], r['i']))
    late = again = silent = repaired = restarts = 0
    placed = []
    for _, g in groupby(rows, key=lambda r: r['end']):
        g = list(g); ms = [r['ms_played'] for r in g]
        if sum(ms) - max(ms) > 10_000: late += len(g); continue
        for r in g:
            if any(p['spotify_track_uri'] == r['spotify_track_uri'] and p['ms_played'] == r['ms_played'] and p['end'] - r['start'] > 5000 for p in placed[-8:]): again += 1
            else: placed.append(r)
    GAP = 20 * 60_000; CLICK = ('clickrow', 'clickside', 'popup', 'uriopen'); LEFT = ('logout', 'unexpected-exit', 'unexpected-exit-while-paused', 'appload')
    kept = []
    for p, n in zip(placed, placed[1:] + [None]):
        if n is not None and (n['dev'] != p['dev'] or n['start'] - p['end'] >= GAP): n = None
        end = p['reason_end']; rep = False
        if end in ('', 'unknown') and n is not None:
            s, near = n['reason_start'], abs(n['start'] - p['end']) <= 5000
            told = s if s in ('trackdone', 'appload') else s if near and s in ('fwdbtn', 'backbtn', 'trackerror') else 'endplay' if near and s in CLICK else None
            if told: end, rep = told, True
        same = n is not None and n['spotify_track_uri'] == p['spotify_track_uri']
        if end == 'trackdone': o = 'finished'
        elif end == 'fwdbtn': o = 'stepped'
        elif end in ('backbtn', 'playbtn', 'endplay') + CLICK and same: o = 'restart'
        elif end == 'backbtn': o = 'stepped'
        elif end in CLICK + ('playbtn',) or (end == 'endplay' and n is not None): o = 'picked'
        elif end in ('endplay', '', 'unknown') and p['skipped'] is True: o = 'picked'
        elif end in LEFT + ('endplay', 'trackerror'): o = 'left'
        else: o = 'unknown'
        if p['ms_played'] == 0 and o != 'stepped': silent += 1; continue
        repaired += rep; restarts += o == 'restart'
        kept.append(dict(p, o=o))
    full = {}
    for p in kept:
        if p['o'] == 'finished' and p['ms_played'] >= 30_000: full.setdefault(p['spotify_track_uri'], []).append(p['ms_played'])
    dur = {u: sorted(v)[(len(v) - 1) // 2] for u, v in full.items()}
    comp = skip = past = 0; nc = ns = 0; sessions = 0; end = None
    for p in kept:
        d = dur.get(p['spotify_track_uri']); m = p['ms_played']; nearly = None if d is None else m >= 0.95 * d
        fin = {'finished': True, 'unknown': None}.get(p['o'], False)
        c = True if fin or nearly else False if fin is False or nearly is False else None
        mv = {'unknown': None, 'stepped': True, 'picked': True}.get(p['o'], False)
        s = False if c else mv
        comp += c is True; skip += s is True; past += m >= 30_000 or (c is True and d is not None and d >= 30_000)
        nc += c is None; ns += s is None
        if end is None or p['start'] - end >= GAP: sessions += 1; end = p['end']
        end = max(end, p['end'])
    tracks = {p['spotify_track_uri'] for p in kept}
    return dict(read=len(rows), late=late, again=again, silent=silent, kept=len(kept), repaired=repaired, restarts=restarts, tracks=len(tracks), estimated=len(dur), sessions=sessions, complete=comp, skip=skip, past=past, complete_missing=nc, skip_missing=ns)
for path in sys.argv[1:]:
    print(check(path))
