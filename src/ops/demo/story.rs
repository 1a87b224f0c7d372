//! What happened in the playground: a small shop, and four lines of work on it.

/// One commit: who, what, and the files as they are afterwards.
pub(super) struct Commit {
    pub(super) author: &'static str,
    pub(super) subject: &'static str,
    pub(super) files: &'static [(&'static str, &'static str)],
}

const ADA: &str = "Ada <ada@example.com>";
const LIN: &str = "Lin <lin@example.com>";

const CART: &str = "def total(items):\n    amount = 0\n    for item in items:\n        amount += item.price * item.count\n    return amount\n";

pub(super) const HISTORY: [Commit; 5] = [
    Commit {
        author: ADA,
        subject: "Begin the shop",
        files: &[("README.md", "# Shop\n\nA small shop.\n"), (".gitignore", "__pycache__/\n.env\n")],
    },
    Commit {
        author: LIN,
        subject: "Add items and the cart",
        files: &[
            (
                "shop/item.py",
                "class Item:\n    def __init__(self, name, price, count=1):\n        self.name = name\n        self.price = price\n        self.count = count\n",
            ),
            ("shop/cart.py", CART),
        ],
    },
    Commit {
        author: ADA,
        subject: "Find items by name",
        files: &[(
            "shop/search.py",
            "def find(items, name):\n    return [item for item in items if item.name == name]\n",
        )],
    },
    Commit {
        author: LIN,
        subject: "Test the cart",
        files: &[(
            "tests/test_cart.py",
            "from shop.cart import total\n\n\ndef test_empty():\n    assert total([]) == 0\n",
        )],
    },
    Commit {
        author: ADA,
        subject: "Say how to run the tests",
        files: &[("README.md", "# Shop\n\nA small shop.\n\n## Tests\n\n    python -m pytest\n")],
    },
];

pub(super) const SESSIONS: [(&str, &str); 4] = [
    ("cart-total", "Round totals to cents"),
    ("checkout", "Add shipping to the total"),
    ("search", "Search without regard to case"),
    ("docs-tour", "A tour of the code in the README"),
];

pub(super) const WORK: [(&str, &[Commit]); 4] = [
    (
        "cart-total",
        &[
            Commit {
                author: ADA,
                subject: "Round the total to cents",
                files: &[(
                    "shop/cart.py",
                    "def total(items):\n    amount = 0\n    for item in items:\n        amount += item.price * item.count\n    return round(amount, 2)\n",
                )],
            },
            Commit {
                author: ADA,
                subject: "Test rounding",
                files: &[(
                    "tests/test_cart.py",
                    "from shop.cart import total\nfrom shop.item import Item\n\n\ndef test_empty():\n    assert total([]) == 0\n\n\ndef test_cents():\n    assert total([Item('pin', 0.1, 3)]) == 0.3\n",
                )],
            },
        ],
    ),
    (
        "checkout",
        &[Commit {
            author: LIN,
            subject: "Add shipping",
            files: &[(
                "shop/cart.py",
                "SHIPPING = 4.9\n\n\ndef total(items):\n    amount = 0\n    for item in items:\n        amount += item.price * item.count\n    return amount + SHIPPING\n",
            )],
        }],
    ),
    (
        "search",
        &[Commit {
            author: ADA,
            subject: "Ignore case",
            files: &[(
                "shop/search.py",
                "def find(items, name):\n    name = name.casefold()\n    return [item for item in items if item.name.casefold() == name]\n",
            )],
        }],
    ),
    (
        "docs-tour",
        &[Commit {
            author: LIN,
            subject: "Describe the modules",
            files: &[(
                "README.md",
                "# Shop\n\nA small shop.\n\n## Tour\n\n- `shop/cart.py`: what an order costs\n- `shop/search.py`: finding items\n\n## Tests\n\n    python -m pytest\n",
            )],
        }],
    ),
];

/// Left lying about, so that `list` has something to say.
pub(super) const UNCOMMITTED: [(&str, &str); 1] =
    [("search/shop/index.py", "def build(items):\n    return {item.name.casefold(): item for item in items}\n")];
