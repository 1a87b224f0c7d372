#!/usr/bin/env python3
"""The order of real topic branches, and their integration, beside plain git, in one run.

    benches/order.py --repo CLONE --at DIRECTORY [--count 20 100] [--back N] [--runs N] [--orders N] [--checked N]
                     [speed] [order] [dense] [commits] [integrate]

The base and the topics are those of `sync.py`. `speed` prints the CPU and wall time of `git session order --all` as a
ratio to `git session conflicts --committed` for the same branches. `order` merges in the order found, in the
maintainers' own (that of their merges) and in random ones, leaving out what stops, and prints how many of each go in
cleanly; `dense` does so with those topics that share files with the most others, `commits` with those single commits of
the history after the base, put onto it, that really collide with the most others. Every merge is one of `git merge-tree`: those of the
order found, of the maintainers' and of `--checked` random orders one after another on commits, those of all random ones
on the files in question, each different one once; both have to give the same numbers. `integrate` prints the time of `git session integrate` without tests as a ratio to a loop of
`git merge --no-ff` in a worktree.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import zlib

from conflicts import follow_upstream, merge_tree, said, single_commits
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


class Objects:
    """Trees of few files, written and read without a process for each."""

    def __init__(self, place, scratch):
        self.scratch, self.written, self.seen = scratch, set(), {}
        shutil.rmtree(scratch, ignore_errors=True)
        os.makedirs(scratch)
        env = dict(ENV, GIT_OBJECT_DIRECTORY=scratch,
                   GIT_ALTERNATE_OBJECT_DIRECTORIES=os.path.join(place, ".git/objects"))
        self.reader = subprocess.Popen(["git", "cat-file", "--batch"], cwd=place, env=env, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)

    def close(self):
        self.reader.stdin.close()
        self.reader.wait()

    def write(self, files):
        """The tree of files, by path in bytes: mode and id."""
        folders, entries = {}, []
        for path, (mode, oid) in files.items():
            first, _, rest = path.partition(b"/")
            if rest:
                folders.setdefault(first, {})[rest] = mode, oid
            else:
                entries.append((first, mode, oid))
        entries += [(name, b"40000", self.write(inner)) for name, inner in folders.items()]
        entries.sort(key=lambda entry: entry[0] + (b"/" if entry[1] == b"40000" else b""))
        body = b"".join(mode + b" " + name + b"\0" + oid for name, mode, oid in entries)
        data = b"tree %d\0" % len(body) + body
        oid = hashlib.sha1(data).digest()
        if oid not in self.written:
            self.written.add(oid)
            folder = os.path.join(self.scratch, oid.hex()[:2])
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, oid.hex()[2:]), "wb") as file:
                file.write(zlib.compress(data, 1))
        return oid

    def read(self, tree):
        """All files of a tree."""
        if tree not in self.seen:
            self.reader.stdin.write(tree.hex().encode() + b"\n")
            self.reader.stdin.flush()
            size = int(self.reader.stdout.readline().split()[2])
            body, files = self.reader.stdout.read(size + 1)[:-1], {}
            while body:
                head, _, rest = body.partition(b"\0")
                (mode, name), oid, body = head.split(b" ", 1), rest[:20], rest[20:]
                if mode == b"40000":
                    files.update((name + b"/" + path, what) for path, what in self.read(oid).items())
                else:
                    files[name] = mode, oid
            self.seen[tree] = files
        return self.seen[tree]


class Simulation:
    """How many go in, for thousands of orders at once: each different merge is asked of git once.

    Of a merge only those files are looked at that the branch touches, each by itself; where somebody moves files, those of
    whoever is near, all together. Two merges are the same if these files are. What comes of it is put back among the
    others.
    """

    def __init__(self, place, base, found, scratch):
        self.place, self.scratch, self.near, self.known, self.apart = place, scratch, {}, {}, set()
        touches = {name: touched(place, base, tip) for name, tip in found.items()}
        for name, (fork, paths, above, moves) in touches.items():
            near = set(paths)
            for _, their_paths, their_above, they_move in touches.values():
                if (moves or they_move) and (above & their_above) - {""}:
                    near |= their_paths
            fields = git("diff", "--name-status", "-z", "-M", "--diff-filter=R", fork, base, cwd=place).split("\0")
            for old, new in zip(fields[1::3], fields[2::3]):
                near |= {old, new} if old in near else set()
            self.near[name] = sorted(path.encode() for path in near)
            if not moves and near == paths:
                self.apart.add(name)
        self.start = self.files(base, set().union(*self.near.values()))
        # What the branch and where it forked have of the files that are looked at.
        self.sides = {name: [self.files(commit, self.near[name]) for commit in (touches[name][0], tip)]
                      for name, tip in found.items()}

    def files(self, commit, paths):
        out = subprocess.run(["git", "ls-tree", "-r", "-z", commit], cwd=self.place, env=ENV, stdout=subprocess.PIPE,
                             check=True).stdout
        rows, wanted = (row.split(b"\t", 1) for row in out.split(b"\0") if row), set(paths)
        return {path: (what.split()[0], bytes.fromhex(what.split()[2].decode())) for what, path in rows if path in wanted}

    @property
    def merges(self):
        return len(self.known)

    def questions(self, name, files):
        """What is to be merged when a branch goes in: files of path, base, ours and theirs, one or several at a time."""
        base, tip = self.sides[name]
        rows = [(path, base.get(path), files.get(path), tip.get(path)) for path in self.near[name]]
        return [(row,) for row in rows] if name in self.apart else [tuple(rows)]

    def answer(self, question):
        """What becomes of the files; none where it stops."""
        if all(ours == base for _, base, ours, _ in question):
            return {path: theirs for path, _, _, theirs in question}
        if all(theirs in (base, ours) for _, base, ours, theirs in question):
            return {path: ours for path, _, ours, _ in question}
        return self.known[question]

    def of(self, orders):
        """The number of those that go in, for each order."""
        objects = Objects(self.place, self.scratch)
        states, sizes = [dict(self.start) for _ in orders], [0] * len(orders)
        for step in range(len(self.near)):
            asked = [self.questions(order[step], files) for order, files in zip(orders, states)]
            self.ask(objects, dict.fromkeys(question for questions in asked for question in questions))
            for at, questions in enumerate(asked):
                answers = [self.answer(question) for question in questions]
                if None not in answers:
                    states[at].update(pair for answer in answers for pair in answer.items())
                    sizes[at] += 1
        objects.close()
        return sizes

    def ask(self, objects, questions):
        new = []
        for question in questions:
            try:
                self.answer(question)
            except KeyError:
                new.append(question)
        side = lambda question, at: objects.write({row[0]: row[at] for row in question if row[at]}).hex()
        lines = [f"{side(question, 1)} -- {side(question, 2)} {side(question, 3)}" for question in new]
        for question, (tree, paths) in zip(new, merge_tree(self.place, lines, self.scratch, keeps=True)):
            made = objects.read(bytes.fromhex(tree)) if paths is None else {}
            # What is there no more is none.
            becomes = dict.fromkeys((row[0] for row in question), None) | made
            self.known[question] = becomes if paths is None else None


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
    judged(args, base, None, "single commits that collide", count)


def judged(args, base, found, label, wanted=0):
    place = os.path.join(args.at, "orders")
    clone(args.repo, place, base)
    if found is None:
        follow_upstream(place, args.repo)
        found = single_commits(place, base, 5 * wanted)
        git("config", "--unset", "branch.trunk.merge", cwd=place)
        for name, tip in found.items():
            git("branch", "-f", "--no-track", name, tip, cwd=place)
        pairs = said(place, "--branches", "commit-*", "--base", "trunk")["pairs"]
        degree = collections.Counter(pair[side] for pair in pairs if pair["severity"] == "conflict" for side in "ab")
        most = {name for name, _ in degree.most_common(wanted)}
        found = {name: tip for name, tip in found.items() if name in most}
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
    print(f"  {args.orders} random ones ({simulation.merges} different merges): best {max(counts)}, "
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
