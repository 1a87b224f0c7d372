#!/usr/bin/env python3
"""Puts real topic branches onto a newer base, by `git session sync` and by `git rebase`, in one run.

    benches/sync.py --repo CLONE --at DIRECTORY [--count 10 50] [--topics 200] [--runs 3] [speed] [agreement]

The base is the first-parent history of the clone's branch, some hundred merges before its tip; the topics are the
second parents of the merges after that. `speed` moves COUNT checked-out topics and prints wall and CPU (user and system of all
descendants, medians) as ratios to a loop of `git rebase || git rebase --abort`, the files that were touched beside the
paths that differ, and what a dry run takes. `agreement` compares the new commit ids, or that both conflict, for TOPICS
branches. The committer's date is fixed for both.
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


def topics(repo, wanted, back):
    """The base, and `wanted` branches of 1 to 10 commits without merges: name and tip."""
    base = git("rev-parse", f"HEAD~{back}", cwd=repo)
    found = {}
    for line in git("log", "--first-parent", "--merges", "--format=%P", f"{base}..HEAD", cwd=repo).splitlines():
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
    base, found = topics(args.repo, count, args.back)
    places = {who: os.path.join(args.at, f"sync-{who}") for who in ("git", "session")}
    trees = {who: {name: os.path.join(places[who] + "-trees", name) for name in found} for who in places}
    for who, place in places.items():
        clone(args.repo, place, base)
        shutil.rmtree(place + "-trees", ignore_errors=True)
        for name, tip in found.items():
            git("worktree", "add", "-q", "-b", name, trees[who][name], tip, cwd=place)
    git("session", "adopt", *found, cwd=places["session"])
    results = {"loop": [], "sync": [], "dry": []}
    net = sum(len(git("diff", "--name-only", "--no-renames", tip, f"{base}", cwd=args.repo).splitlines())
              for tip in found.values())
    for number in range(args.runs + 1):
        time.sleep(1.5)
        for who in places:
            for tree in trees[who].values():
                git("update-index", "-q", "--refresh", cwd=tree)
                git("status", "--porcelain", cwd=tree)

        def loop():
            for tree in trees["git"].values():
                if git("rebase", "-q", "trunk", cwd=tree, check=False):
                    git("rebase", "--abort", cwd=tree, check=False)

        def sync(*extra):
            return json.loads(git("session", "sync", "--json", *extra, cwd=places["session"]))["sessions"]

        dry = timed(lambda: sync("--dry-run"))
        before = mtimes(trees["session"].values())
        if number % 2:
            ours, theirs = timed(sync), timed(loop)
        else:
            theirs, ours = timed(loop), timed(sync)
        after = mtimes(trees["session"].values())
        if number:
            results["loop"].append(theirs[:2])
            results["sync"].append(ours[:2])
            results["dry"].append(dry[:2])
        outcomes = [row["outcome"] for row in ours[2]]
        wrong, differing = 0, 0
        for row in ours[2]:
            name = row["name"]
            differing += len(git("diff", "--name-only", "--no-renames", found[name], name,
                                 cwd=places["session"]).splitlines())
            wrong += git("rev-parse", name, cwd=places["git"]) != git("rev-parse", name, cwd=places["session"])
            wrong += git("status", "--porcelain", cwd=trees["session"][name]) != ""
        touched = sum(1 for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        for who in places:
            for name, tip in found.items():
                git("reset", "-q", "--hard", tip, cwd=trees[who][name])
    median = {key: [statistics.median(row[i] for row in rows) for i in (0, 1)] for key, rows in results.items()}
    tally = ", ".join(f"{outcomes.count(word)} {word}" for word in sorted(set(outcomes)))
    print(f"\nsync of {count} ({args.runs} runs, medians; {tally}; {wrong} differ from git)")
    print(f"  files touched {touched}, paths that differ {differing}")
    for key, label in (("loop", "git rebase || git rebase --abort"), ("sync", "git session sync"), ("dry", "git session sync -n")):
        wall, cpu = median[key]
        print(f"  {label:34} wall {wall * 1000:9.1f} ms  cpu {cpu * 1000:9.1f} ms   "
              f"wall {wall / median['loop'][0]:5.2f}  cpu {cpu / median['loop'][1]:5.2f}")


def agreement(args):
    base, found = topics(args.repo, args.topics, args.back)
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
    print(f"\nagreement with git rebase, {len(found)} topics: {same} with the same commit ids, "
          f"{conflicts} conflicts at the same commit and paths, {len(wrong)} otherwise")
    for row in wrong:
        print("  ", *row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", required=True)
    parser.add_argument("--at", required=True)
    parser.add_argument("--count", type=int, nargs="*", default=[10, 50])
    parser.add_argument("--topics", type=int, default=200)
    parser.add_argument("--back", type=int, default=245, help="first-parent commits between base and tip")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("what", nargs="*", default=["speed", "agreement"])
    args = parser.parse_args()
    args.repo, args.at = os.path.abspath(args.repo), os.path.abspath(args.at)
    if "speed" in args.what:
        for count in args.count:
            speed(args, count)
    if "agreement" in args.what:
        agreement(args)


if __name__ == "__main__":
    main()
