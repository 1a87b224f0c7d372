#!/usr/bin/env python3
"""Judges all pairs of real topic branches, by `git session conflicts` and by `git merge-tree`, in one run.

    benches/conflicts.py --repo CLONE --at DIRECTORY [--count 10 50 100] [--topics 120] [--runs 3] [speed] [uncommitted] [growth] [watch] [agreement]

The base is the first-parent history of the clone's branch, some hundred merges before its tip; the topics are the second
parents of the merges after that. `speed` prints wall and CPU (user and system of all descendants, medians) of all pairs of
COUNT topics, with line ranges, as ratios to one process of `git merge-tree --write-tree` for each pair and to one `git
merge-tree --stdin` fed with all; and the same with uncommitted work in COUNT worktrees. `growth` prints time, CPU and the
most anonymous memory of `git session conflicts` for each of COUNT, which may be several hundred: after the topics come
single commits of the history after the base, put onto it. `watch` prints what `--watch` of COUNT worktrees takes: CPU in 30
seconds in which nothing happens, and from a file that is saved to the line that tells of it. `agreement` compares verdict and
conflicted paths of every pair with git's, as synced and raw, for the topics and for single commits of the history after
the base put onto it, of which many really collide; and that nothing was left behind.
"""

import argparse
import collections
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import threading
import time

from sync import ENV, clone, git, timed, topics


def merge_tree(place, lines, scratch, keeps=False):
    """The answers of one `git merge-tree --stdin`: a tree, and the paths that conflict."""
    if not keeps:
        shutil.rmtree(scratch, ignore_errors=True)
        os.makedirs(scratch)
    env = dict(ENV, GIT_OBJECT_DIRECTORY=scratch,
               GIT_ALTERNATE_OBJECT_DIRECTORIES=os.path.join(place, ".git/objects"))
    quick = ["-c", "core.looseCompression=0", "-c", "core.fsync=none"]
    out = subprocess.run(["git", *quick, "merge-tree", "--stdin", "-z", "--no-messages", "--write-tree"], cwd=place, env=env,
                         input="".join(line + "\n" for line in lines).encode(), stdout=subprocess.PIPE, check=True).stdout
    fields = iter(out.split(b"\0"))
    answers = []
    for _ in lines:
        status, tree = next(fields), next(fields).decode()
        paths = set()
        for field in fields:
            if not field:
                break
            paths.add(known_name(field.split(b"\t", 1)[1]))
        answers.append((tree, None if status == b"1" else paths))
    return answers


def known_name(path):
    """Without the label that git gives to a file that it moves aside."""
    head, _, label = path.rpartition(b"~")
    word = label.split(b"_")[0]
    return head if head and (len(word) >= 40 or label.startswith((b"topic-", b"commit-", b"trunk"))) else path


def said(place, *args):
    out = subprocess.run(["git", "session", "conflicts", "--json", *args], cwd=place, env=ENV, stdout=subprocess.PIPE,
                         check=True).stdout
    return json.loads(out)


def path_of(value):
    if isinstance(value, dict):
        text, out = value["path"], bytearray()
        while text:
            if text[0] == "%":
                out.append(int(text[1:3], 16))
                text = text[3:]
            else:
                out += text[0].encode()
                text = text[1:]
        return bytes(out)
    return value.encode()


def conflicted(files):
    return {path_of(file["path"]) for file in files if file["severity"] == "conflict"}


def follow_upstream(place, repo):
    """`HEAD@{upstream}` is the newest commit of the repository, as long as `single_commits` looks for it."""
    git("update-ref", "refs/remotes/origin/upstream", git("rev-parse", "HEAD", cwd=repo), cwd=place)
    git("config", "branch.trunk.remote", "origin", cwd=place)
    git("config", "branch.trunk.merge", "refs/heads/upstream", cwd=place)


def single_commits(place, base, wanted):
    """Branches of one commit each: those of the history after the base that apply to it."""
    found = {}
    rows = git("rev-list", "--no-merges", "--reverse", "--parents", f"{base}..HEAD@{{upstream}}", cwd=place).splitlines()
    rows = [row.split() for row in rows if len(row.split()) == 2]
    # Those of the files that most commits touch come first: they are the ones that collide.
    touched = {row[0]: git("diff-tree", "-r", "--name-only", "--no-commit-id", row[0], cwd=place).splitlines() for row in rows}
    often = collections.Counter(path for paths in touched.values() for path in paths)
    rows.sort(key=lambda row: -max((often[path] for path in touched[row[0]]), default=0))
    for commit, parent in rows:
        done = subprocess.run(["git", "merge-tree", "--write-tree", f"--merge-base={parent}", base, commit], cwd=place,
                              env=ENV, text=True, capture_output=True)
        tree = done.stdout.split("\n")[0]
        if done.returncode == 0 and tree != git("rev-parse", f"{base}^{{tree}}", cwd=place):
            found[f"commit-{len(found)}"] = git("commit-tree", tree, "-p", base, "-m", "one", cwd=place)
        if len(found) == wanted:
            break
    return found


def agreement(place, scratch, trunk, branches, label):
    names = sorted(branches)
    glob = names[0].rsplit("-", 1)[0] + "-*"
    for name in names:
        git("branch", "-f", "--no-track", name, branches[name], cwd=place)
    before = state(place)
    # Each with the base.
    with_base = dict(zip(names, merge_tree(place, [f"trunk {name}" for name in names], scratch + "-base")))
    answer = said(place, "--branches", glob, "--base", "trunk")
    rows = {row["name"]: row for row in answer["against_base"]}
    wrong = sum(1 for name in names if (rows[name]["merge"] == "clean") != (with_base[name][1] is None)
                or conflicted(rows[name]["files"]) != (with_base[name][1] or set()))
    print(f"{label}: {len(names)} with the base: {sum(1 for v in with_base.values() if v[1] is not None)} conflict, "
          f"{wrong} differ")
    # As synced: the trees that git gave, over the base's tree.
    for tree, _ in with_base.values():
        pass
    env_dir = scratch + "-base"
    pairs, questions = [], []
    beyond = {name: set(git("rev-list", f"trunk..{name}", cwd=place).split()) for name in names}
    for a, b in itertools.combinations(names, 2):
        if with_base[a][1] is None and with_base[b][1] is None and not beyond[a] & beyond[b]:
            pairs.append((a, b))
            questions.append(f"trunk^{{tree}} -- {with_base[a][0]} {with_base[b][0]}")
    shutil.copytree(env_dir, os.path.join(place, ".git/objects"), dirs_exist_ok=True)
    git_says = merge_tree(place, questions, scratch)
    ours = {(pair["a"], pair["b"]): pair for pair in answer["pairs"]}
    differ = [(pair, verdict[1], ours.get(pair)) for pair, verdict in zip(pairs, git_says)
              if (verdict[1] or set()) != conflicted(ours.get(pair, {"files": []})["files"])]
    shared = sum(1 for pair in itertools.combinations(names, 2) if beyond[pair[0]] & beyond[pair[1]])
    print(f"{label}: {len(pairs)} pairs as synced ({shared} share commits and are left out): "
          f"{sum(1 for v in git_says if v[1] is not None)} conflict, {len(differ)} differ")
    for row in differ[:5]:
        print("   ", row)
    # Raw.
    pairs = list(itertools.combinations(names, 2))
    git_says = merge_tree(place, [f"{a} {b}" for a, b in pairs], scratch)
    ours = {(pair["a"], pair["b"]): pair for pair in said(place, "--branches", glob, "--base", "trunk", "--raw")["pairs"]}
    differ = [(pair, verdict[1], ours.get(pair)) for pair, verdict in zip(pairs, git_says)
              if (verdict[1] or set()) != conflicted(ours.get(pair, {"files": []})["files"])]
    print(f"{label}: {len(pairs)} pairs raw: {sum(1 for v in git_says if v[1] is not None)} conflict, {len(differ)} differ")
    for row in differ[:5]:
        print("   ", row)
    return before


def state(place):
    return git("count-objects", "-v", cwd=place), git("for-each-ref", cwd=place), git("status", "--porcelain", cwd=place)


def worktrees(place, at, names):
    """A worktree for each, with a file that was typed into, one that is new, and a fresh index, as `git status` leaves it."""
    trees = os.path.join(at, "conflicts-trees")
    shutil.rmtree(trees, ignore_errors=True)
    git("worktree", "prune", cwd=place)
    for number, name in enumerate(names):
        tree = os.path.join(trees, name)
        git("worktree", "add", "-q", tree, name, cwd=place)
        paths = git("ls-files", "*.c", cwd=tree).splitlines()
        with open(os.path.join(tree, paths[number % 12]), "a") as file:
            file.write(f"/* {name} */\n")
        with open(os.path.join(tree, f"{name}.new"), "w") as file:
            file.write("new\n")
    time.sleep(1.5)
    for name in names:
        git("status", "--porcelain", cwd=os.path.join(trees, name))
    git("session", "adopt", *names, cwd=place)


def speed(place, at, names, runs, uncommitted=False):
    pairs = list(itertools.combinations(names, 2))
    scratch = os.path.join(at, "scratch")

    def loop():
        for a, b in pairs:
            subprocess.run(["git", "merge-tree", "--write-tree", a, b], cwd=place, env=ENV, stdout=subprocess.DEVNULL)

    def at_once():
        merge_tree(place, [f"{a} {b}" for a, b in pairs], scratch)

    glob = []
    for name in names:
        glob += ["--branches", name]

    what = [] if uncommitted else ["--base", "trunk", *glob]
    if uncommitted:
        worktrees(place, at, names)

    def ours():
        subprocess.run(["git", "session", "conflicts", "--json", *what], cwd=place, env=ENV,
                       stdout=subprocess.DEVNULL, check=True)

    actions = {"stdin": at_once, "ours": ours}
    if len(names) <= 50:
        actions = {"loop": loop, **actions}
    figures = {name: [] for name in actions}
    for _ in range(runs):
        for name, action in actions.items():
            wall, cpu, _ = timed(action)
            figures[name].append((wall, cpu))
    median = {name: tuple(statistics.median(column) for column in zip(*rows)) for name, rows in figures.items()}
    text = f"N={len(names)} ({len(pairs)} pairs{', uncommitted work' if uncommitted else ''}): "
    text += ", ".join(f"{name} {wall:.2f} s wall {cpu:.2f} s CPU" for name, (wall, cpu) in median.items())
    for base in [name for name in median if name != "ours"]:
        text += f"; ours/{base} wall {median['ours'][0] / median[base][0]:.3f} CPU {median['ours'][1] / median[base][1]:.3f}"
    print(text)


def anonymous(args, place):
    """Wall, CPU and the most anonymous memory, in MB, of one run: the child's own, looked at every 2 ms."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen(args, cwd=place, env=ENV, stdout=subprocess.PIPE)
    answer, most = [], 0
    reader = threading.Thread(target=lambda: answer.append(child.stdout.read()))
    reader.start()
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status") as file:
                most = max([most] + [int(line.split()[1]) for line in file if line.startswith("RssAnon")])
        except OSError:
            pass
        time.sleep(0.002)
    reader.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, cpu = time.perf_counter() - begin, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return wall, cpu, most / 1024, json.loads(answer[0])


def growth(place, names, counts, runs):
    for count in counts:
        if count > len(names):
            print(f"N={count}: there are only {len(names)} branches; --back reaches further")
            continue
        glob = [word for name in names[:count] for word in ("--branches", name)]
        args = ["git-session", "conflicts", "--json", "--base", "trunk", *glob]
        rows = [anonymous(args, place) for _ in range(runs)]
        wall, cpu, memory = (statistics.median(column) for column in list(zip(*rows))[:3])
        pairs = collections.Counter(pair["severity"] for pair in rows[0][3]["pairs"])
        print(f"N={count} ({count * (count - 1) // 2} pairs, {dict(pairs)}): {wall:.2f} s wall {cpu:.2f} s CPU "
              f"{memory:.0f} MB anonymous; CPU/N {1000 * cpu / count:.1f} ms", flush=True)


def watch(place, at, names):
    """CPU at rest, and from a save to the line about it, with the CPU of both processes."""
    worktrees(place, at, names)

    def cpu(pid):
        with open(f"/proc/{pid}/stat") as file:
            return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:15])) * 1000 // os.sysconf("SC_CLK_TCK")

    child = subprocess.Popen(["git-session", "conflicts", "--watch", "--json"], cwd=place, env=ENV, stdout=subprocess.PIPE)
    child.stdout.readline()
    first = cpu(child.pid)
    time.sleep(1)
    before = cpu(child.pid)
    time.sleep(30)
    rest = cpu(child.pid) - before
    one, two = (os.path.join(at, "conflicts-trees", name, "watched.new") for name in names[:2])
    with open(two, "w") as file:
        file.write("two\n")
    time.sleep(2)
    took, costs = [], []
    for number in range(10):
        before, begin = cpu(child.pid), time.perf_counter()
        if number % 2:
            os.remove(one)
        else:
            with open(one, "w") as file:
                file.write(f"one {number}\n")
        child.stdout.readline()
        took.append(time.perf_counter() - begin)
        time.sleep(0.5)
        costs.append(cpu(child.pid) - before)
    with open(f"/proc/{child.pid}/status") as file:
        memory = [int(line.split()[1]) // 1024 for line in file if line.startswith("RssAnon")]
    child.terminate()
    print(f"N={len(names)} watched: first answer {first} ms CPU; {rest} ms CPU in 30 s at rest; from save to line "
          f"{1000 * statistics.median(took):.0f} ms, {statistics.median(costs):.0f} ms CPU; {memory[0]} MB anonymous")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", required=True)
    parser.add_argument("--at", required=True)
    parser.add_argument("--count", type=int, nargs="*", default=[10, 50, 100])
    parser.add_argument("--topics", type=int, default=120)
    parser.add_argument("--back", type=int, default=245)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("what", nargs="*", default=["speed", "uncommitted", "agreement"])
    args = parser.parse_args()
    place = os.path.join(args.at, "conflicts")
    base, found = topics(args.repo, max([args.topics, *(count for count in args.count if count <= 100)]), args.back)
    clone(args.repo, place, base)
    for name, tip in found.items():
        git("branch", "-f", "--no-track", name, tip, cwd=place)
    names = list(found)
    if "speed" in args.what:
        for count in args.count:
            speed(place, args.at, names[:count], args.runs)
    if "uncommitted" in args.what:
        for count in args.count:
            speed(place, args.at, names[:count], args.runs, uncommitted=True)
    if "growth" in args.what:
        wanted = max(args.count) - len(names)
        if wanted > 0:
            follow_upstream(place, args.repo)
            commits = single_commits(place, base, wanted)
            for name, tip in commits.items():
                git("branch", "-f", "--no-track", name, tip, cwd=place)
            git("config", "--unset", "branch.trunk.merge", cwd=place)
            names += list(commits)
        growth(place, names, args.count, args.runs)
    if "watch" in args.what:
        for count in args.count:
            watch(place, args.at, names[:count])
    if "agreement" in args.what:
        chosen = {name: found[name] for name in names[:args.topics]}
        agreement(place, os.path.join(args.at, "scratch"), base, chosen, "topics")
        follow_upstream(place, args.repo)
        commits = single_commits(place, base, args.topics)
        git("config", "--unset", "branch.trunk.merge", cwd=place)
        agreement(place, os.path.join(args.at, "scratch"), base, commits, "single commits")


if __name__ == "__main__":
    main()
