#!/usr/bin/env python3
"""The order of real topic branches, and their integration, beside plain git, in one run.

    benches/order.py --repo CLONE --at DIRECTORY [--count 20 100] [--back N] [--runs N] [--orders N] [--checked N]
                     [speed] [order] [dense] [commits] [integrate]

The base and the topics are those of `sync.py`. `speed` prints the CPU and wall time of `git session order --all` as a
ratio to `git session conflicts --committed` for the same branches. `order` merges in the order found, in the
maintainers' own (that of their merges) and in random ones, leaving out what stops, and prints how many of each go in
cleanly; `dense` does so with those topics that share files with the most others, `commits` with single commits of the
history after the base put onto it, of which many really collide. Every merge is one of `git merge-tree`: those of the
order found, of the maintainers' and of `--checked` random orders one after another on commits, those of all random ones
on the files in question, each different one once; both have to give the same numbers. `integrate` prints the time of `git session integrate` without tests as a ratio to a loop of
`git merge --no-ff` in a worktree.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess

from conflicts import follow_upstream, merge_tree, single_commits
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


def touched(place, base, tip):
    """Where a branch forked, the paths that it changes since, what lies above them, and whether it moves any."""
    fork = git("merge-base", base, tip, cwd=place)
    fields = [field for field in git("diff", "--name-status", "-z", "-M", fork, tip, cwd=place).split("\0") if field]
    paths, moves, at = set(), False, 0
    while at < len(fields):
        both = fields[at][0] in "RC"
        moves |= both
        paths.update(fields[at + 1:at + 2 + both])
        at += 2 + both
    above = {"/".join(path.split("/")[:depth]) for path in paths for depth in range(path.count("/") + 1)}
    return fork, paths, above, moves


class Simulation:
    """How many go in, for thousands of orders at once: each different merge is asked of git once.

    Of a merge only those files are looked at that the branch touches, and where somebody moves files those of whoever is
    near; two merges are the same if these files are. What comes of it is put back among the others.
    """

    def __init__(self, place, base, found, scratch):
        self.place, self.found, self.scratch = place, found, scratch
        shutil.rmtree(scratch, ignore_errors=True)
        os.makedirs(scratch)
        self.env = dict(ENV, GIT_OBJECT_DIRECTORY=scratch, GIT_INDEX_FILE=scratch + ".index",
                        GIT_ALTERNATE_OBJECT_DIRECTORIES=os.path.join(place, ".git/objects"))
        touches = {name: touched(place, base, tip) for name, tip in found.items()}
        self.near, self.known = {}, {}
        for name, (fork, paths, above, moves) in touches.items():
            near = set(paths)
            for _, their_paths, their_above, they_move in touches.values():
                if (moves or they_move) and (above & their_above) - {""}:
                    near |= their_paths
            fields = git("diff", "--name-status", "-z", "-M", "--diff-filter=R", fork, base, cwd=place).split("\0")
            for old, new in zip(fields[1::3], fields[2::3]):
                near |= {old, new} if old in near else set()
            self.near[name] = sorted(near)
        everything = sorted(set().union(*self.near.values()))
        self.start = self.files(base, everything)
        # What the branch and where it forked have of the files that are looked at.
        self.sides = {name: tuple(self.tree(self.files(commit, self.near[name]))
                                  for commit in (touches[name][0], tip)) for name, tip in found.items()}

    def files(self, commit, paths):
        out = subprocess.run(["git", "ls-tree", "-r", "-z", commit, "--", *paths], cwd=self.place, env=self.env,
                             stdout=subprocess.PIPE, check=True).stdout.decode()
        rows = (row.split("\t", 1) for row in out.split("\0") if row)
        return {path: what for what, path in rows if path in set(paths)}

    def tree(self, files):
        if os.path.exists(self.scratch + ".index"):
            os.remove(self.scratch + ".index")
        lines = "".join(f"{what}\t{path}\0" for path, what in files.items())
        subprocess.run(["git", "update-index", "-z", "--index-info"], cwd=self.place, env=self.env, input=lines.encode(),
                       check=True)
        return subprocess.run(["git", "write-tree"], cwd=self.place, env=self.env, text=True, stdout=subprocess.PIPE,
                              check=True).stdout.strip()

    def key(self, name, files):
        return name, tuple(files.get(path) for path in self.near[name])

    def ask(self, keys):
        keys = sorted(set(keys) - self.known.keys(), key=str)
        lines = []
        for name, before in keys:
            fork, tip = self.sides[name]
            ours = self.tree({path: what for path, what in zip(self.near[name], before) if what})
            lines.append(f"{fork} -- {ours} {tip}")
        for key, (tree, paths) in zip(keys, merge_tree(self.place, lines, self.scratch, keeps=True)):
            self.known[key] = None
            if paths is None:
                out = subprocess.run(["git", "ls-tree", "-r", "-z", tree], cwd=self.place, env=self.env,
                                     stdout=subprocess.PIPE, check=True).stdout.decode()
                self.known[key] = {path: what for what, path in (row.split("\t", 1) for row in out.split("\0") if row)}

    def of(self, orders):
        """The number of those that go in, for each order."""
        states, sizes = [dict(self.start) for _ in orders], [0] * len(orders)
        for step in range(len(self.found)):
            keys = [self.key(order[step], files) for order, files in zip(orders, states)]
            self.ask(keys)
            for at, key in enumerate(keys):
                result = self.known[key]
                if result is not None:
                    for path in self.near[key[0]]:
                        states[at].pop(path, None)
                    states[at].update(result)
                    sizes[at] += 1
        return sizes


def apart(place, base, found):
    """Those that share no commits which the base lacks: of the others a merge depends on more than on trees."""
    seen, kept = set(), {}
    for name, tip in found.items():
        beyond = set(git("rev-list", f"{base}..{tip}", cwd=place).split())
        bases = git("merge-base", "--all", base, tip, cwd=place).split()
        if not beyond & seen and len(bases) == 1:
            kept[name] = tip
            seen |= beyond
    return kept


def order(args, count):
    base, found = topics(args.repo, count, args.back)
    judged(args, base, found, f"{count} topics")


def dense(args, count):
    base, found = topics(args.repo, 5 * count, args.back)
    touches = {name: touched(args.repo, base, tip)[1] for name, tip in found.items()}
    degree = {name: sum(1 for other in found if other != name and touches[name] & touches[other]) for name in found}
    most = sorted(found, key=lambda name: -degree[name])[:count]
    judged(args, base, {name: found[name] for name in found if name in most}, f"{count} topics that share files")


def commits(args, count):
    base, _ = topics(args.repo, 1, args.back)
    judged(args, base, None, f"{count} single commits", count)


def judged(args, base, found, label, wanted=0):
    place = os.path.join(args.at, "orders")
    clone(args.repo, place, base)
    if found is None:
        follow_upstream(place, args.repo)
        found = single_commits(place, base, wanted)
        git("config", "--unset", "branch.trunk.merge", cwd=place)
    found = apart(place, base, found)
    for name, tip in found.items():
        git("branch", "-f", "--no-track", name, tip, cwd=place)
    glob = [word for name in found for word in ("--branches", name)]
    answer = order_of(place, "--base", "trunk", *glob)
    names, trunk = [row["name"] for row in answer["order"]], answer["trunks"][0]
    ours, tree = goes_in(place, base, names)
    simulation = Simulation(place, base, found, os.path.join(args.at, "orders-scratch"))
    print(f"\n{label}: {len(found)} that share no commits\n"
          f"  found: {len(names)} said to go in, {ours} do; the tree is "
          f"{'the same' if tree == trunk['tree'] else 'ANOTHER ONE'}; bound {trunk['bound']}"
          f"{', exact' if trunk['exact'] else ''}", flush=True)
    # The newest merge stands first in the log.
    own, _ = goes_in(place, base, list(found)[::-1])
    print(f"  the maintainers' own order: {own}", flush=True)
    dice, orders = random.Random(args.seed), []
    for _ in range(args.orders):
        some = list(found)
        dice.shuffle(some)
        orders.append(some)
    counts = simulation.of(orders)
    wrong = sum(goes_in(place, base, orders[at])[0] != counts[at] for at in range(min(args.checked, len(orders))))
    print(f"  {args.orders} random ones ({len(simulation.known)} different merges): best {max(counts)}, "
          f"mean {statistics.mean(counts):.2f}, worst {min(counts)}; {args.checked} of them merged on commits, "
          f"{wrong} come out otherwise", flush=True)


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
    parser.add_argument("--orders", type=int, default=10000)
    parser.add_argument("--checked", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("what", nargs="*", default=["speed", "order", "dense", "commits", "integrate"])
    args = parser.parse_args()
    args.repo, args.at = os.path.abspath(args.repo), os.path.abspath(args.at)
    for count in args.count:
        for what, run in (("speed", speed), ("order", order), ("dense", dense), ("commits", commits),
                          ("integrate", integrate)):
            if what in args.what:
                run(args, count)


if __name__ == "__main__":
    main()
