#!/usr/bin/env python3
"""Times verbs beside plain git in one run: CPU (user and system of all descendants) and wall, medians, ratios.

    benches/verbs.py [--repo CLONE] [--files 5000] [--size 9000] [--runs 5] [--at DIRECTORY] [--tree DIRECTORY] [VERB ...]

VERB is create, create-many, copy, list, records, version; all of them without. Without --repo a repository is generated:
FILES files of about SIZE bytes with a history, packed. With --tree `copy` takes what is in that directory, such as a real
`node_modules`, for the ignored files; they are copied to the file system that is meant first. The directory should be on the file system that is meant;
what is compared runs in turns, A B A B, so that a drifting machine drifts for both. Needs git, and git-session on
PATH (`cargo install --path .`). `wt` (worktrunk) is measured too where it is installed.
"""

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ENV = dict(
    os.environ,
    GIT_AUTHOR_NAME="Bench", GIT_AUTHOR_EMAIL="bench@example.com",
    GIT_COMMITTER_NAME="Bench", GIT_COMMITTER_EMAIL="bench@example.com",
)


def run(command, cwd=None, stdin=None):
    """Runs a command; its wall and CPU seconds and the peak memory of the largest process so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=ENV, input=stdin, text=True, capture_output=True)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(f"{command}: {done.stderr}")
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def git(*args, cwd=None, stdin=None):
    done = subprocess.run(["git", *args], cwd=cwd, env=ENV, input=stdin, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"git {' '.join(args)}: {done.stderr}")
    return done.stdout


def generate(place, files, size):
    """A repository whose blobs are deltas of each other's versions, as in real life."""
    random.seed(1)
    words = [f"word{n}" for n in range(4000)]
    repo = os.path.join(place, "repo")
    git("init", "-q", "-b", "main", repo)
    git("config", "gc.auto", "0", cwd=repo)
    git("config", "maintenance.auto", "false", cwd=repo)
    paths = [f"src/d{n % 97}/e{n % 13}/file{n}.txt" for n in range(files)]
    texts = {}
    for path in paths:
        length = max(1, int(random.expovariate(1 / max(size, 1)) / 40))
        texts[path] = [" ".join(random.choices(words, k=6)) for _ in range(length)]
    for version in range(4):
        chosen = paths if version == 0 else random.sample(paths, max(1, files // 8))
        for path in chosen:
            lines = texts[path]
            lines[random.randrange(len(lines))] = " ".join(random.choices(words, k=6))
            full = os.path.join(repo, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w") as file:
                file.write("\n".join(lines) + "\n")
        git("add", "-A", cwd=repo)
        git("commit", "-q", "-m", f"version {version}", cwd=repo)
    git("-c", "gc.auto=0", "repack", "-a", "-d", "-q", cwd=repo)
    git("commit-graph", "write", "--reachable", cwd=repo)
    return repo


def used(place):
    """Bytes in use on a file system, once all is written."""
    os.sync()
    stat = os.statvfs(place)
    return (stat.f_blocks - stat.f_bfree) * stat.f_frsize


def compare(name, ours, others, runs, clean=lambda: None):
    """Runs the contestants in turns and prints a line for each, with its ratio to the first of the others."""
    contestants = [("git session", ours), *others]
    results = {label: [] for label, _ in contestants}
    for number in range(runs + 1):
        for label, action in contestants:
            result = action(number)
            if number:
                results[label].append(result)
            clean()
    base = others[0][0]
    median = {
        label: [statistics.median(row[i] for row in rows) for i in (0, 1)] for label, rows in results.items()
    }
    print(f"\n{name} ({runs} runs, medians)")
    for label, (wall, cpu) in median.items():
        ratio = f"wall {wall / median[base][0]:5.2f}  cpu {cpu / max(median[base][1], 1e-9):5.2f}"
        spread = [row[0] * 1000 for row in results[label]]
        print(f"  {label:34} wall {wall * 1000:9.1f} ms [{min(spread):.0f}-{max(spread):.0f}]  cpu {cpu * 1000:9.1f} ms   {ratio}")


class Bench:
    def __init__(self, repo, runs, tree=None):
        self.repo, self.runs, self.tree = repo, runs, tree
        self.place = os.path.dirname(repo)
        self.sessions = os.path.join(self.place, "repo-sessions")
        git("config", "session.path", "../repo-sessions/{name}", cwd=repo)
        git("config", "session.base", git("branch", "--show-current", cwd=repo).strip(), cwd=repo)
        time.sleep(1.2)  # git takes files as young as the index for changed
        git("update-index", "--refresh", cwd=repo)
        self.made = 0

    def clear(self):
        for line in git("worktree", "list", "--porcelain", cwd=self.repo).splitlines()[1:]:
            if line.startswith("worktree ") and line[9:] != self.repo:
                git("worktree", "remove", "--force", line[9:], cwd=self.repo)
        refs = git("for-each-ref", "--format=delete %(refname)", "refs/sessions", "refs/heads/b-", cwd=self.repo)
        branches = [name for name in git("for-each-ref", "--format=%(refname)", "refs/heads", cwd=self.repo).split()
                    if name.startswith("refs/heads/b-")]
        script = "".join(line + "\n" for line in refs.splitlines() if "refs/sessions" in line)
        script += "".join(f"delete {name}\n" for name in branches)
        git("update-ref", "--stdin", cwd=self.repo, stdin=script)
        shutil.rmtree(self.sessions, ignore_errors=True)
        shutil.rmtree(os.path.join(self.place, "plain"), ignore_errors=True)

    def name(self):
        self.made += 1
        return f"b-{self.made}"

    def add(self, _):
        name = self.name()
        return run(["git", "worktree", "add", "-q", "-b", name, os.path.join(self.place, "plain", name)], self.repo)

    def create(self, _):
        return run(["git", "session", "create", self.name()], self.repo)

    def wt(self, _):
        return run(["wt", "switch", "--create", self.name(), "--no-cd", "--yes"], self.repo)

    def bench_create(self):
        others = [("git worktree add -b", self.add)]
        if shutil.which("wt"):
            others.append(("wt switch --create", self.wt))
        compare("create, one", self.create, others, self.runs, self.clear)
        for number in range(100):
            git("worktree", "add", "-q", "--no-checkout", "-b", self.name(), os.path.join(self.place, "plain", f"n{number}"), cwd=self.repo)
        one = [os.path.join(self.place, "plain", "more"), self.sessions]

        def clean():
            for directory in one:
                shutil.rmtree(directory, ignore_errors=True)
            git("worktree", "prune", "--expire=now", cwd=self.repo)

        compare("create, one more beside 100 worktrees", self.create, [("git worktree add -b", lambda n: run(
            ["git", "worktree", "add", "-q", "-b", self.name(), os.path.join(one[0], str(n))], self.repo))], self.runs, clean)
        self.clear()

    def bench_create_many(self, count=50):
        def ours(_):
            names = "".join(self.name() + "\n" for _ in range(count))
            return run(["git", "session", "create", "--stdin"], self.repo, names)

        def theirs(_):
            rows = [self.add(0) for _ in range(count)]
            return sum(row[0] for row in rows), sum(row[1] for row in rows)

        compare(f"create, {count} in one go", ours, [(f"{count} git worktree add -b", theirs)], 2, self.clear)

    def bench_copy(self, count=2000):
        """The ignored files of a project's packages: what `create` takes longer with them, beside `cp -a`."""
        random.seed(2)
        folder = os.path.join(self.repo, "node_modules")
        if self.tree:
            subprocess.run(["cp", "-a", self.tree, folder], check=True)
            count = sum(len(files) for _, _, files in os.walk(folder))
        for number in range(0 if self.tree else count):
            path = os.path.join(folder, f"p{number // 9}", f"d{number % 3}", f"f{number}.js")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(random.randbytes(max(1, int(random.expovariate(1 / 4000)))))
        with open(os.path.join(self.repo, ".git", "info", "exclude"), "a") as file:
            file.write("node_modules\n")
        git("config", "session.copy", "node_modules", cwd=self.repo)
        name, plain = self.name(), os.path.join(self.place, "plain", "copy")
        git("session", "create", "--no-copy", name, cwd=self.repo)
        target = os.path.join(self.sessions, name, "node_modules")

        def clean():
            shutil.rmtree(target, ignore_errors=True)
            shutil.rmtree(os.path.dirname(plain), ignore_errors=True)

        def theirs(_):
            os.makedirs(plain)
            return run(["cp", "-a", "--reflink=auto", folder, plain])

        clean()
        compare(f"copy, {count} ignored files", lambda _: run(["git", "session", "env", "refresh", name], self.repo),
                [("cp -a --reflink=auto", theirs)], self.runs, clean)
        sizes = {}
        for label, action, made in (
            ("git session", lambda: git("session", "env", "refresh", name, cwd=self.repo), target),
            ("cp -a --reflink=auto", lambda: theirs(0), plain),
        ):
            before = used(self.place)
            action()
            sizes[label] = used(self.place) - before
            kept = subprocess.run(["du", "-s", "--block-size=1", made], capture_output=True, text=True, check=True)
            print(f"  {label}: {kept.stdout.split()[0]} bytes in blocks of its own or shared ones")
            assert sum(len(files) for _, _, files in os.walk(made)) == count
        ours, cp = sizes.values()
        print(f"  room taken of the file system: {ours} bytes, by cp {cp}   ratio {ours / max(cp, 1):5.2f}")
        clean()
        git("config", "--unset", "session.copy", cwd=self.repo)
        shutil.rmtree(folder)
        self.clear()

    def bench_list(self):
        for count in (10, 50, 100):
            names = [self.name() for _ in range(count)]
            git("session", "create", "--stdin", cwd=self.repo, stdin="\n".join(names))
            for number, name in enumerate(names):
                if number % 3 == 0:
                    with open(os.path.join(self.sessions, name, "new.txt"), "w") as file:
                        file.write("new\n")
                git("status", cwd=os.path.join(self.sessions, name))
            base = git("rev-parse", "HEAD~1", cwd=self.repo).strip()

            def theirs(_):
                wall = cpu = 0
                for name in names:
                    for command in (["git", "status", "--porcelain=v2", "--branch"],
                                    ["git", "rev-list", "--left-right", "--count", f"{base}...HEAD"]):
                        row = run(command, os.path.join(self.sessions, name))
                        wall, cpu = wall + row[0], cpu + row[1]
                return wall, cpu

            others = [("git status + git rev-list each", theirs)]
            if shutil.which("wt"):
                others.append(("wt list", lambda _: run(["wt", "list"], self.repo)))
            compare(f"list, {count} worktrees", lambda _: run(["git", "session", "list"], self.repo), others, self.runs)
            self.clear()

    def bench_records(self, count=1000):
        tip = git("rev-parse", "HEAD", cwd=self.repo).strip()
        toml = f'version = 1\nbranch = "refs/heads/none"\nstate = "open"\ngoal = "Do the work number N"\n\n[base]\nref = "refs/heads/main"\nfork = "{tip}"\n'
        script = ""
        for number in range(count):
            blob = git("hash-object", "-w", "--stdin", cwd=self.repo, stdin=toml.replace("N", str(number))).strip()
            tree = git("mktree", cwd=self.repo, stdin=f"100644 blob {blob}\tsession.toml\n").strip()
            commit = git("commit-tree", tree, "-m", f"[r{number}] created: x", cwd=self.repo).strip()
            script += f"create refs/sessions/r{number} {commit}\n"
        git("update-ref", "--stdin", cwd=self.repo, stdin=script)
        git("pack-refs", "--all", cwd=self.repo)

        def theirs(_):
            begin = run(["git", "for-each-ref", "--format=%(refname)", "refs/sessions"], self.repo)
            names = git("for-each-ref", "--format=%(refname):session.toml", "refs/sessions", cwd=self.repo)
            more = run(["git", "cat-file", "--batch"], self.repo, names)
            return begin[0] + more[0], begin[1] + more[1]

        compare(f"list, {count} records without worktrees", lambda _: run(["git", "session", "list"], self.repo),
                [("git for-each-ref + cat-file --batch", theirs)], self.runs)
        if os.path.exists("/usr/bin/time"):
            done = subprocess.run(["/usr/bin/time", "-f", "%M", "git-session", "list"], cwd=self.repo, env=ENV, text=True, capture_output=True)
            print(f"  peak memory of git-session list: {int(done.stderr.split()[-1]) // 1024} MB")
        self.clear()

    def bench_version(self):
        hello = tempfile.mkdtemp()
        source = os.path.join(hello, "hello.rs")
        with open(source, "w") as file:
            file.write('fn main() { println!("hello"); }\n')
        subprocess.run(["rustc", "-O", "-o", os.path.join(hello, "git-hello"), source], check=True, capture_output=True)
        ENV["PATH"] = hello + os.pathsep + ENV["PATH"]

        def many(command):
            def action(_):
                rows = [run(command, self.repo) for _ in range(40)]
                return sum(row[0] for row in rows), sum(row[1] for row in rows)
            return action

        compare("start-up, 40 calls", many(["git", "session", "--version"]), [("git hello (Rust)", many(["git", "hello"]))], self.runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--size", type=int, default=9000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--at")
    parser.add_argument("--tree")
    parser.add_argument("verbs", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.at) as place:
        place = os.path.realpath(place)
        if options.repo:
            repo = os.path.join(place, "repo")
            git("clone", "-q", "--no-hardlinks", options.repo, repo)
        else:
            repo = generate(place, options.files, options.size)
        print(git("version").strip(), "·", len(git("ls-files", cwd=repo).splitlines()), "files")
        bench = Bench(repo, options.runs, options.tree and os.path.abspath(options.tree))
        for verb in options.verbs or ["version", "create", "create-many", "copy", "list", "records"]:
            getattr(bench, "bench_" + verb.replace("-", "_"))()


main()
