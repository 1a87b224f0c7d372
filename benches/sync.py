#!/usr/bin/env python3
"""Puts real topic branches onto a newer base, by `git session sync` and by `git rebase`, in one run.

    benches/sync.py --repo CLONE --at DIRECTORY [--count 10 50] [--back 245] [--until 0] [--topics 200] [--runs 3] [speed] [floor] [agreement]
    benches/sync.py --at DIRECTORY [--count 10 50 100 200] [--files 500] [--runs 3] growth

The base is the first-parent history of the clone's branch, some hundred merges before its tip; the topics are the
second parents of the merges after that. `speed` moves COUNT checked-out topics, the same ones by both in turn, and prints wall and CPU (user and system of all
descendants, medians) as ratios to a loop of `git rebase || git rebase --abort`, the files that were touched beside the
paths that differ, what a dry run takes, and what `git status` in each of them takes afterwards. `agreement` compares the new commit ids, or that both conflict, for TOPICS
branches, from as many bases, `--back` commits apart, as it takes. The committer's date is fixed for both.

`floor` prints the CPU of the least that this takes, for the topics that do not collide: one `git replay` of all, one `git
cat-file` that inflates each blob that has to be written once, and a loop that writes them all, into empty directories. It
goes with `speed`. Beside it stand the same with the files in the place of old ones, as a checkout has to (those that were
there and those that go are removed, in the same loop), and with what else cannot be left out, since nothing uncommitted
may be moved: a look at each tracked file.

`growth` needs no clone: it makes a repository of `--files` files and COUNT sessions with worktrees, each with two commits
and the last COUNT/5 with something uncommitted, moves the base, and prints for each COUNT wall time and CPU of `git
session sync --autostash`, both for each session too and as ratios to a loop of `git rebase --autostash`, which has to make
the same commits after `git session undo`, the most anonymous memory of the process, and the files that were
touched beside the paths that differ.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

ENV = dict(
    os.environ,
    GIT_AUTHOR_NAME="Bench", GIT_AUTHOR_EMAIL="bench@example.com",
    GIT_COMMITTER_NAME="Bench", GIT_COMMITTER_EMAIL="bench@example.com",
    GIT_COMMITTER_DATE="2030-01-01T00:00:00Z",
)


def git(*args, cwd, check=True):
    done = subprocess.run(["git", *args], cwd=cwd, env=ENV, text=True, capture_output=True)
    if check and done.returncode not in (0, 3):
        sys.exit(f"git {' '.join(args)}: {done.stderr}")
    return done.stdout.strip() if check else done.returncode


def timed(action):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    answer = action()
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, answer


def topics(repo, wanted, back, until=0):
    """The base, and `wanted` branches of 1 to 10 commits without merges: name and tip."""
    base = git("rev-parse", f"HEAD~{back}", cwd=repo)
    found = {}
    for line in git("log", "--first-parent", "--merges", "--format=%P", f"{base}..HEAD~{until}", cwd=repo).splitlines():
        parents = line.split()
        if len(parents) != 2:
            continue
        tip = parents[1]
        own = git("rev-list", "--parents", f"{base}..{tip}", cwd=repo).splitlines()
        if 1 <= len(own) <= 10 and all(len(row.split()) == 2 for row in own) and tip not in found.values():
            found[f"topic-{len(found)}"] = tip
        if len(found) == wanted:
            break
    return base, found


def clone(source, place, base):
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", "--no-checkout", "--shared", source, place], check=True, env=ENV)
    git("checkout", "-q", "-B", "trunk", "--no-track", base, cwd=place)
    for key, value in {"gc.auto": "0", "maintenance.auto": "false", "advice.skippedCherryPicks": "false",
                       "session.base": "trunk"}.items():
        git("config", key, value, cwd=place)
    git("commit-graph", "write", "--reachable", cwd=place)


def mtimes(trees):
    seen = {}
    for tree in trees:
        for folder, folders, files in os.walk(tree):
            folders[:] = [name for name in folders if name != ".git"]
            for name in files:
                path = os.path.join(folder, name)
                seen[path] = os.lstat(path).st_mtime_ns
    return seen


def speed(args, count):
    base, found = topics(args.repo, count, args.back, args.until)
    if len(found) < count:
        print(f"only {len(found)} such topics between HEAD~{args.back} and HEAD~{args.until}", file=sys.stderr)
    count = len(found)
    # Both work on the same worktrees, in turn: twice as many would leave less of the caches to either.
    place = os.path.join(args.at, "sync")
    trees = {name: os.path.join(place + "-trees", name) for name in found}
    clone(args.repo, place, base)
    shutil.rmtree(place + "-trees", ignore_errors=True)
    for name, tip in found.items():
        git("worktree", "add", "-q", "-b", name, trees[name], tip, cwd=place)
    git("session", "adopt", *found, cwd=place)

    def settle():
        for name, tip in found.items():
            git("reset", "-q", "--hard", tip, cwd=trees[name])
        time.sleep(1.5)
        for tree in trees.values():
            git("update-index", "-q", "--refresh", cwd=tree)
            git("status", "--porcelain", cwd=tree)

    def loop():
        for tree in trees.values():
            if git("rebase", "-q", "trunk", cwd=tree, check=False):
                git("rebase", "--abort", cwd=tree, check=False)

    def sync(*extra):
        return json.loads(git("session", "sync", "--json", *extra, cwd=place))["sessions"]

    def look():
        for tree in trees.values():
            git("status", "--porcelain", cwd=tree)

    def tips():
        return {name: git("rev-parse", name, cwd=place) for name in found}

    results = {"loop": [], "sync": [], "dry": [], "look git": [], "look session": []}
    floors = {"git replay": [], "git cat-file": [], "writing": [], "replacing": []}
    looks = []
    for number in range(args.runs + 1):
        turns = {}
        for who in ("session", "git") if number % 2 else ("git", "session"):
            settle()
            if who == "git":
                turns["loop"] = timed(loop)[:2]
                turns["look git"], of_git = timed(look)[:2], tips()
                continue
            turns["dry"] = timed(lambda: sync("--dry-run"))[:2]
            before = mtimes(trees.values())
            *turns["sync"], rows = timed(sync)
            after = mtimes(trees.values())
            turns["look session"], of_session = timed(look)[:2], tips()
            dirty = sum(git("status", "--porcelain", cwd=tree) != "" for tree in trees.values())
        # The first one warms the caches.
        if number:
            for key, row in turns.items():
                results[key].append(row)
            if "floor" in args.what:
                moved = {row["name"]: row["to"] for row in rows if row["outcome"] == "rebased"}
                for key, cpu in floor(place, found, moved).items():
                    floors[key].append(cpu)
                looks.append(timed(lambda: [git("diff-files", "--quiet", cwd=tree, check=False) for tree in trees.values()])[1])
    outcomes = [row["outcome"] for row in rows]
    wrong = dirty + sum(of_git[name] != of_session[name] for name in found)
    differing = sum(len(git("diff", "--name-only", "--no-renames", tip, of_session[name], cwd=place).splitlines())
                    for name, tip in found.items())
    touched = sum(1 for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    median = {key: [statistics.median(row[i] for row in rows) for i in (0, 1)] for key, rows in results.items()}
    tally = ", ".join(f"{outcomes.count(word)} {word}" for word in sorted(set(outcomes)))
    print(f"\nsync of {count} ({args.runs} runs, medians; {tally}; {wrong} differ from git)")
    print(f"  files touched {touched}, paths that differ {differing}")
    for key, label in (("loop", "git rebase || git rebase --abort"), ("sync", "git session sync"), ("dry", "git session sync -n")):
        wall, cpu = median[key]
        print(f"  {label:34} wall {wall * 1000:9.1f} ms  cpu {cpu * 1000:9.1f} ms   "
              f"wall {wall / median['loop'][0]:5.2f}  cpu {cpu / median['loop'][1]:5.2f}")
    for key, label in (("look git", "then git status in each: after git"), ("look session", "after git session sync")):
        wall, cpu = median[key]
        print(f"  {label:34} wall {wall * 1000:9.1f} ms  cpu {cpu * 1000:9.1f} ms   "
              f"wall {wall / median['look git'][0]:5.2f}  cpu {cpu / median['look git'][1]:5.2f}")
    if "floor" in args.what:
        parts = {key: statistics.median(values) for key, values in floors.items()}
        replacing, look, cpu = parts.pop("replacing"), statistics.median(looks), median["sync"][1]
        least = sum(parts.values())
        print("  the least: " + ", ".join(f"{key} {cpu * 1000:.1f} ms" for key, cpu in parts.items())
              + f"; sync cpu {cpu / least:.2f} times that, {least / median['loop'][1]:.2f} of the loop")
        in_place = least - parts["writing"] + replacing
        print(f"  with old files replaced and removed ({replacing * 1000:.1f} ms for the writing): {cpu / in_place:.2f} times")
        print(f"  with one look at each tracked file besides (git diff-files in each, {look * 1000:.1f} ms): "
              f"{cpu / (least + look):.2f} times, with both {cpu / (in_place + look):.2f}")


def floor(place, found, moved):
    """CPU seconds of each of the parts that cannot be left out."""
    names = sorted(moved)
    tips = [found[name] for name in names]
    cpu = {}
    # The branches themselves have moved already: those at the old tips have names of their own.
    for name in names:
        git("update-ref", f"refs/heads/floor/{name}", found[name], cwd=place)
    old = [f"floor/{name}" for name in names]
    cpu["git replay"] = timed(lambda: git("replay", "--onto", "trunk", *old, "^trunk", cwd=place))[1]
    for name in old:
        git("update-ref", "-d", f"refs/heads/{name}", cwd=place)
    # Path, old blob, new blob; what is a file on one side only has none on the other.
    files = []
    for tip, name in zip(tips, names):
        for row in git("diff", "--raw", "--no-renames", "--no-abbrev", tip, moved[name], cwd=place).splitlines():
            facts, path = row.split("\t", 1)
            old_mode, new_mode, old, new, _ = facts.removeprefix(":").split()
            if "160000" not in (old_mode, new_mode):
                files.append((path, old.strip("0") and old, new.strip("0") and new))
    ids = "".join(f"{blob}\n" for blob in {new for _, _, new in files} - {""}).encode()
    old_ids = "".join(f"{blob}\n" for blob in {old for _, old, _ in files} - {""}).encode()
    # Into a file, so that taking it in is not counted.
    with open(place + "-blobs", "wb") as sink:
        cpu["git cat-file"] = timed(lambda: subprocess.run(
            ["git", "cat-file", "--batch", "--buffer"], cwd=place, env=ENV, input=ids, stdout=sink, check=True))[1]
    os.remove(place + "-blobs")
    contents = contents_of(place, ids) | contents_of(place, old_ids)
    scratch = place + "-written"
    for key in ("writing", "replacing"):
        shutil.rmtree(scratch, ignore_errors=True)
        jobs = [(os.path.join(scratch, str(number % 50), path.strip('"').replace("/", "-") + f"-{number}"), old, new)
                for number, (path, old, new) in enumerate(files)]
        for path in {os.path.dirname(path) for path, _, _ in jobs}:
            os.makedirs(path)
        if key == "replacing":
            for path, old, _ in jobs:
                if old:
                    write(path, contents[old])
        before = resource.getrusage(resource.RUSAGE_SELF)
        for path, old, new in jobs:
            if key == "replacing" and old:
                os.unlink(path)
            if new:
                write(path, contents[new])
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu[key] = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    shutil.rmtree(scratch)
    return cpu


def write(path, content):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(file, content)
    os.close(file)


def contents_of(place, ids):
    """The content of each blob whose id is a line of `ids`."""
    out = subprocess.run(["git", "cat-file", "--batch", "--buffer"], cwd=place, env=ENV, input=ids,
                         stdout=subprocess.PIPE, check=True).stdout
    contents, at = {}, 0
    while at < len(out):
        end = out.index(b"\n", at)
        blob, _, size = out[at:end].decode().split()
        contents[blob] = out[end + 1:end + 1 + int(size)]
        at = end + 2 + int(size)
    return contents


def agreement(args):
    same, conflicts, wrong, asked, bases = 0, 0, [], set(), 0
    while len(asked) < args.topics:
        back, until = args.back * (bases + 1), args.back * bases
        if git("rev-parse", "-q", "--verify", f"HEAD~{back}", cwd=args.repo, check=False):
            break
        base, found = topics(args.repo, args.topics - len(asked), back, until)
        found = {name: tip for name, tip in found.items() if tip not in asked}
        asked.update(found.values())
        bases += 1
        of_base = agreement_on(args, base, found) if found else (0, 0, [])
        same, conflicts, wrong = same + of_base[0], conflicts + of_base[1], wrong + of_base[2]
    print(f"\nagreement with git rebase, {len(asked)} topics on {bases} bases: {same} with the same commit ids, "
          f"{conflicts} conflicts at the same commit and paths, {len(wrong)} otherwise")
    for row in wrong:
        print("  ", *row)


def agreement_on(args, base, found):
    place = os.path.join(args.at, "sync-agreement")
    clone(args.repo, place, base)
    for name, tip in found.items():
        git("branch", name, tip, cwd=place)
    git("session", "adopt", "--no-worktree", *found, cwd=place)
    rows = {row["name"]: row for row in json.loads(git("session", "sync", "--json", cwd=place))["sessions"]}
    tree = place + "-tree"
    shutil.rmtree(tree, ignore_errors=True)
    git("worktree", "add", "-q", "--detach", tree, base, cwd=place)
    same, conflicts, wrong = 0, 0, []
    for name, tip in found.items():
        git("checkout", "-q", "--detach", tip, cwd=tree)
        failed = git("rebase", "-q", "trunk", cwd=tree, check=False)
        if failed:
            paths = sorted(set(git("diff", "--name-only", "--diff-filter=U", cwd=tree).splitlines()))
            stopped = git("rev-parse", "REBASE_HEAD", cwd=tree)
            git("rebase", "--abort", cwd=tree, check=False)
            row = rows[name]
            mine = sorted(file["path"] for file in row.get("conflicts", []))
            if row["outcome"] == "conflict" and mine == paths and row.get("commit") == stopped:
                conflicts += 1
            else:
                wrong.append((name, row["outcome"], row.get("reason"), mine, paths))
        elif git("rev-parse", "HEAD", cwd=tree) == git("rev-parse", name, cwd=place):
            same += 1
        else:
            wrong.append((name, rows[name]["outcome"], rows[name].get("reason")))
    return same, conflicts, wrong


def with_memory(*command, cwd):
    """What it prints, and the most anonymous memory, in MB, that a look each millisecond found it to have."""
    with open(os.path.join(cwd, ".answer"), "w+") as answer:
        running = subprocess.Popen(command, cwd=cwd, env=ENV, stdout=answer, stderr=subprocess.DEVNULL)
        most = 0
        while running.poll() is None:
            try:
                with open(f"/proc/{running.pid}/status") as status:
                    for line in status:
                        if line.startswith("RssAnon:"):
                            most = max(most, int(line.split()[1]))
            except OSError:
                pass
            time.sleep(0.001)
        answer.seek(0)
        return answer.read(), most / 1024


def growth(args, count):
    place = os.path.join(args.at, "sync-growth")
    trees = place + "-trees"
    for old in (place, trees):
        shutil.rmtree(old, ignore_errors=True)
    os.makedirs(place)
    git("init", "-q", "-b", "trunk", cwd=place)
    for key, value in {"gc.auto": "0", "maintenance.auto": "false", "session.base": "trunk"}.items():
        git("config", key, value, cwd=place)

    def path_of(n):
        return f"d{n % 20}/f{n}.txt"

    def write(tree, path, line, text):
        lines = [f"line {n} of {path}\n" for n in range(40)]
        if line is not None:
            lines[line] = text + "\n"
        os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
        with open(os.path.join(tree, path), "w") as file:
            file.writelines(lines)

    for n in range(args.files):
        write(place, path_of(n), None, "")
    git("add", "--all", cwd=place)
    git("commit", "-q", "-m", "files", cwd=place)
    names = [f"s{n:03}" for n in range(count)]
    for n, name in enumerate(names):
        tree = os.path.join(trees, name)
        git("worktree", "add", "-q", "-b", name, tree, "trunk", cwd=place)
        for k in range(2):
            write(tree, path_of((7 * n + k) % args.files), 30, f"{name} {k}")
            git("commit", "-q", "-a", "-m", f"{name} {k}", cwd=tree)
        if n >= count - count // 5:
            write(tree, path_of((7 * n + 3) % args.files), 35, f"uncommitted in {name}")
    git("session", "adopt", *names, cwd=place)
    rows = []
    for number in range(args.runs):
        changed = range(number, args.files, max(5, args.files // 400))
        for n in changed:
            write(place, path_of(n), 5, f"round {number}")
        git("commit", "-q", "-a", "-m", f"round {number}", cwd=place)

        def settle():
            time.sleep(1.5)
            for name in names:
                git("status", "--porcelain", cwd=os.path.join(trees, name))

        settle()
        olds = {name: git("rev-parse", name, cwd=place) for name in names}
        before = mtimes([trees])
        wall, cpu, (answer, memory) = timed(lambda: with_memory("git-session", "sync", "--autostash", "--json", cwd=place))
        after = mtimes([trees])
        touched = sum(1 for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        differing = sum(len(git("diff", "--name-only", "--no-renames", olds[name], name, cwd=place).splitlines())
                        for name in names)
        outcomes = [row["outcome"] for row in json.loads(answer)["sessions"]]
        if set(outcomes) != {"rebased"}:
            sys.exit(f"not all were rebased: {outcomes}")
        news = {name: git("rev-parse", name, cwd=place) for name in names}
        git("session", "undo", "--yes", cwd=place)
        settle()

        def loop():
            for name in names:
                git("rebase", "-q", "--autostash", "trunk", cwd=os.path.join(trees, name))

        loop_wall, loop_cpu, _ = timed(loop)
        if any(git("rev-parse", name, cwd=place) != new for name, new in news.items()):
            sys.exit("git rebase makes other commits")
        rows.append((wall, cpu, memory, touched, differing, loop_wall, loop_cpu))
    wall, cpu, loop_wall, loop_cpu = (statistics.median(row[i] for row in rows) for i in (0, 1, 5, 6))
    print(f"growth {count:4}: wall {wall * 1000:8.1f} ms ({wall * 1000 / count:5.1f} each)  cpu {cpu * 1000:8.1f} ms "
          f"({cpu * 1000 / count:5.1f} each)  of the loop wall {wall / loop_wall:4.2f} cpu {cpu / loop_cpu:4.2f}  anonymous memory {max(row[2] for row in rows):6.1f} MB  "
          f"files touched {rows[-1][3]}, paths that differ {rows[-1][4]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo")
    parser.add_argument("--at", required=True)
    parser.add_argument("--count", type=int, nargs="*", help="10 50, of `growth` 10 50 100 200")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--topics", type=int, default=200)
    parser.add_argument("--back", type=int, default=245, help="first-parent commits between base and tip")
    parser.add_argument("--until", type=int, default=0,
                        help="of `speed`: first-parent commits before the tip from where on merges are not looked at; 200 topics of "
                        "git itself are between 6193 and 5400")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("what", nargs="*", default=["speed", "agreement"])
    args = parser.parse_args()
    if not args.repo and set(args.what) != {"growth"}:
        parser.error("`speed` and `agreement` need --repo")
    args.repo, args.at = os.path.abspath(args.repo or "."), os.path.abspath(args.at)
    if "speed" in args.what:
        for count in args.count or [10, 50]:
            speed(args, count)
    if "growth" in args.what:
        for count in args.count or [10, 50, 100, 200]:
            growth(args, count)
    if "agreement" in args.what:
        agreement(args)


if __name__ == "__main__":
    main()
