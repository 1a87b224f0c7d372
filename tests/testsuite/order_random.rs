//! `order`, on histories in which much collides: of ten thousand random orders, each leaving out what stops, none takes more.

use crate::support::{Run, Sandbox};
use crate::sync::Dice;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

/// A number from the environment: `ORDER_SEEDS=30 ORDER_ORDERS=10000 cargo nextest run -E 'test(order_random::)'`.
fn asked(key: &str, otherwise: usize) -> usize {
    std::env::var(key).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

type Files = HashMap<String, String>;

fn fast_import(stream: &mut String, branch: &str, mark: usize, from: Option<usize>, files: &Files) {
    let _ = writeln!(stream, "commit refs/heads/{branch}\nmark :{mark}\ncommitter A <a@example.com> 1700000000 +0000");
    let _ = writeln!(stream, "data 1\nx");
    if let Some(from) = from {
        let _ = writeln!(stream, "from :{from}\ndeleteall");
    }
    for (path, text) in files {
        let _ = writeln!(stream, "M 100644 inline {path}\ndata {}\n{text}", text.len());
    }
}

/// `main`, and branches `s00`, `s01`, ... that each change some lines of few files, and now and then move, drop or add one.
fn dense(seed: usize, count: usize) -> Sandbox {
    let mut dice = Dice(seed as u64 * 77 + 5);
    let text = |file: usize| (0..24).map(|line| format!("{file} {line}\n")).collect::<String>();
    let base: Files = (0..3).map(|file| (format!("d{}/f{file}.txt", file % 2), text(file))).collect();
    let mut paths: Vec<String> = base.keys().cloned().collect();
    paths.sort();
    let mut stream = String::new();
    fast_import(&mut stream, "main", 1, None, &base);
    for n in 0..count {
        let mut files = base.clone();
        for _ in 0..2 + dice.below(2) {
            let path = &paths[dice.below(paths.len())];
            let what = dice.below(14);
            let Some(text) = files.get(path).cloned() else { continue };
            match what {
                0 => drop(files.remove(path)),
                1 => {
                    files.remove(path);
                    files.insert(format!("d{}/moved{n}.txt", dice.below(2)), text);
                }
                2 => drop(files.insert(format!("d0/new{}.txt", dice.below(2)), format!("new of {n}\n"))),
                _ => {
                    let (first, many) = (dice.below(24), 1 + dice.below(4));
                    let touched = |line: usize| (first..first + many).contains(&line);
                    let lines = text.lines().enumerate();
                    let changed = lines
                        .map(|(at, line)| if touched(at) { format!("by {n} {at}\n") } else { format!("{line}\n") });
                    files.insert(path.clone(), changed.collect());
                }
            }
        }
        fast_import(&mut stream, &format!("s{n:02}"), n + 2, Some(1), &files);
    }
    let r = Sandbox::new();
    r.git_input("fast-import --quiet --force", &stream).ok();
    r.git("reset -q --hard").ok();
    r
}

/// The trees that merges give, or none where they stop; each is asked of git once.
struct Merges<'a> {
    r: &'a Sandbox,
    base: String,
    tips: Vec<String>,
    known: HashMap<(String, usize), Option<String>>,
}

impl Merges<'_> {
    fn ask(&mut self, wanted: BTreeSet<(String, usize)>) {
        let new: Vec<(String, usize)> = wanted.into_iter().filter(|one| !self.known.contains_key(one)).collect();
        let lines: String =
            new.iter().map(|(ours, n)| format!("{} -- {ours} {}\n", self.base, self.tips[*n])).collect();
        // Not through a pipe: both sides would wait for each other.
        let questions = self.r.root().join("questions");
        std::fs::write(&questions, lines).expect("a written file");
        let ask = "git -c core.looseCompression=0 -c core.fsync=none merge-tree --stdin --write-tree -z --no-messages";
        let line = format!("{ask} < '{}'", questions.display());
        let run: Run = self.r.run("sh", ["-c", &line]);
        let mut fields = run.ok().bytes().split(|byte| *byte == 0);
        for one in new {
            let mut next = || String::from_utf8_lossy(fields.next().expect("a field")).into_owned();
            let (status, tree) = (next(), next());
            while !next().is_empty() {}
            self.known.insert(one, (status == "1").then_some(tree));
        }
    }

    /// How many go in, for each order.
    fn sizes(&mut self, orders: &[Vec<usize>]) -> Vec<usize> {
        let start = self.base.clone();
        let (mut trees, mut sizes) = (vec![start; orders.len()], vec![0; orders.len()]);
        for step in 0..self.tips.len() {
            let asked = |at: usize, trees: &[String]| (trees[at].clone(), orders[at][step]);
            self.ask((0..orders.len()).map(|at| asked(at, &trees)).collect());
            for at in 0..orders.len() {
                if let Some(Some(tree)) = self.known.get(&asked(at, &trees)) {
                    trees[at].clone_from(tree);
                    sizes[at] += 1;
                }
            }
        }
        sizes
    }
}

#[test]
fn no_random_order_takes_more() {
    let (seeds, orders) = (asked("ORDER_SEEDS", 2), asked("ORDER_ORDERS", 10_000));
    for seed in 0..seeds {
        let count = [12, 14, 16, 13, 18, 15, 20, 17, 19][seed % 9];
        let r = dense(seed, count);
        let answer: Value = r.git("session order --branches 's*' --base main --json").json_as("order");
        let rows = answer["order"].as_array().expect("places").iter();
        let found: Vec<String> = rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect();
        let names: Vec<String> = (0..count).map(|n| format!("s{n:02}")).collect();
        let tips = names.iter().map(|name| r.rev(&format!("{name}^{{tree}}"))).collect();
        let mut merges = Merges { r: &r, base: r.rev("main^{tree}"), tips, known: HashMap::new() };
        let place = |name: &String| names.iter().position(|other| other == name).expect("a branch");
        let mut own: Vec<usize> = found.iter().map(place).collect();
        own.extend((0..count).filter(|n| !found.contains(&names[*n])).collect::<Vec<usize>>());
        let size = merges.sizes(&[own])[0];
        assert_eq!(size, found.len(), "seed {seed}: {found:?} go in by git, and no other one after them");
        let mut dice = Dice(seed as u64 + 1);
        let random: Vec<Vec<usize>> = (0..orders)
            .map(|_| {
                let mut order: Vec<usize> = (0..count).collect();
                (1..count).rev().for_each(|at| order.swap(at, dice.below(at + 1)));
                order
            })
            .collect();
        let sizes = merges.sizes(&random);
        let (best, worst) = (sizes.iter().max().expect("some"), sizes.iter().min().expect("some"));
        let mean = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
        eprintln!(
            "seed {seed}: {size} of {count}; {orders} random orders: best {best}, mean {mean:.2}, worst {worst}; \
             {} different merges",
            merges.known.len()
        );
        let at = sizes.iter().position(|other| other == best).expect("it is one of them");
        assert!(*best <= size, "seed {seed}: {:?} takes {best}, {found:?} only {size}", random[at]);
        assert!(size < count, "seed {seed}: the history is too tame");
    }
}
