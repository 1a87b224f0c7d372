#!/usr/bin/env python3
"""The order of real topic branches, and their integration, beside plain git, in one run.

    benches/order.py --repo CLONE --at DIRECTORY [--count 20 100] [--back N] [--runs N] [--orders N]
                     [speed] [order] [integrate]

The base and the topics are those of `sync.py`. `speed` prints the CPU and wall time of `git session order --all` as a
ratio to `git session conflicts --committed` for the same branches. `order` merges in the order found, in the
maintainers' own (that of their merges) and in random ones, each step by `git merge-tree`, and prints how many of each go
in cleanly. `integrate` prints the time of `git session integrate` without tests as a ratio to a loop of
`git merge --no-ff` in a worktree.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess

from sync import ENV, clone, git, timed, topics


def prepared(args, count):
    """A repository with a session for each of `count` topics, without worktrees."""
    base, found = topics(args.repo, count, args.back)
    place = os.path.join(args.at, f"order-{count}")
    clone(args.repo, place, base)
    for name, tip in found.items():
        git("branch", name, tip, cwd=place)
    git("session", "adopt", "--no-worktree", *found, cwd=place)
    return place, base, found


def order_of(place, *more):
    import json
    return json.loads(git("session", "order", "--all", "--json", *more, cwd=place))


def medians(results):
    return [statistics.median(row[i] for row in results) for i in (0, 1)]


def speed(args, count):
    place, _, found = prepared(args, count)
    results = {"order": [], "conflicts": []}
    for number in range(args.runs + 1):
        kinds = {"order": ["order", "--all", "--json"], "conflicts": ["conflicts", "--committed", "--json"]}
        for kind, words in sorted(kinds.items(), reverse=bool(number % 2)):
            row = timed(lambda words=words: git("session", *words, cwd=place))
            if number:
                results[kind].append(row[:2])
    beside = medians(results["conflicts"])
    print(f"\norder of {len(found)} ({args.runs} runs, medians)")
    for kind in ("conflicts", "order"):
        wall, cpu = medians(results[kind])
        print(f"  git session {kind:10} wall {wall * 1000:8.1f} ms  cpu {cpu * 1000:8.1f} ms   "
              f"wall {wall / beside[0]:5.2f}  cpu {cpu / beside[1]:5.2f}")


def goes_in(place, base, names):
    """How many git takes, one after another."""
    head, clean = base, 0
    for name in names:
        done = subprocess.run(["git", "merge-tree", "--write-tree", head, name], cwd=place, env=ENV, text=True,
                              capture_output=True)
        if done.returncode:
            continue
        tree = done.stdout.split("\n")[0]
        head = git("commit-tree", tree, "-p", head, "-p", name, "-m", "merged", cwd=place)
        clean += 1
    return clean, git("rev-parse", f"{head}^{{tree}}", cwd=place)


def order(args, count):
    place, base, found = prepared(args, count)
    answer = order_of(place)
    names = [row["name"] for row in answer["order"]]
    ours, tree = goes_in(place, base, names)
    trunk = answer["trunks"][0]
    print(f"\norder of {len(found)}: {len(names)} said to go in, {ours} do; the tree is "
          f"{'the same' if tree == trunk['tree'] else 'ANOTHER ONE'}; bound {trunk['bound']}")
    # The newest merge stands first in the log.
    own, _ = goes_in(place, base, list(found)[::-1])
    print(f"  the maintainers' own order: {own}")
    dice, best = random.Random(1), 0
    for _ in range(args.orders):
        some = list(found)
        dice.shuffle(some)
        best = max(best, goes_in(place, base, some)[0])
    print(f"  the best of {args.orders} random ones: {best}")


def integrate(args, count):
    place, base, found = prepared(args, count)
    names = [row["name"] for row in order_of(place)["order"]]
    tree = place + "-tree"
    results = {"loop": [], "integrate": []}
    for number in range(args.runs + 1):
        shutil.rmtree(tree, ignore_errors=True)
        git("worktree", "prune", cwd=place)
        git("worktree", "add", "-q", "--detach", tree, base, cwd=place)

        def loop():
            for name in names:
                git("merge", "-q", "--no-ff", "-m", f"Merge session '{name}'", name, cwd=tree)

        theirs = timed(loop)
        git("branch", "-q", "-f", "trunk", base, cwd=place, check=False)
        git("reset", "-q", "--hard", base, cwd=place)
        ours = timed(lambda: git("session", "integrate", "--all", "--yes", "--json", "--into", "trunk", cwd=place))
        same = git("rev-parse", "HEAD^{tree}", cwd=tree) == git("rev-parse", "trunk^{tree}", cwd=place)
        git("reset", "-q", "--hard", base, cwd=place)
        for name in names:
            git("session", "set", name, "--state", "open", cwd=place, check=False)
        if number:
            results["loop"].append(theirs[:2])
            results["integrate"].append(ours[:2])
    beside = medians(results["loop"])
    print(f"\nintegrate {len(names)} ({args.runs} runs, medians; the tree is {'the same' if same else 'ANOTHER ONE'})")
    for kind, label in (("loop", "git merge --no-ff, one after another"), ("integrate", "git session integrate")):
        wall, cpu = medians(results[kind])
        print(f"  {label:38} wall {wall * 1000:8.1f} ms  cpu {cpu * 1000:8.1f} ms   "
              f"wall {wall / beside[0]:5.2f}  cpu {cpu / beside[1]:5.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", required=True)
    parser.add_argument("--at", required=True)
    parser.add_argument("--count", type=int, nargs="*", default=[20, 100])
    parser.add_argument("--back", type=int, default=280, help="first-parent commits between base and tip")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("what", nargs="*", default=["speed", "order", "integrate"])
    args = parser.parse_args()
    args.repo, args.at = os.path.abspath(args.repo), os.path.abspath(args.at)
    for count in args.count:
        for what, run in (("speed", speed), ("order", order), ("integrate", integrate)):
            if what in args.what:
                run(args, count)


if __name__ == "__main__":
    main()
