//! Colours, where there are any. Meaning is never only in a colour.

use owo_colors::OwoColorize;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    fn with(self, text: &str, painted: impl FnOnce(&str) -> String) -> String {
        if self.0 { painted(text) } else { text.to_owned() }
    }

    /// For names.
    pub fn bold(self, text: &str) -> String {
        self.with(text, |text| text.bold().to_string())
    }

    /// For what matters less.
    pub fn dim(self, text: &str) -> String {
        self.with(text, |text| text.dimmed().to_string())
    }

    /// For what is well.
    pub fn green(self, text: &str) -> String {
        self.with(text, |text| text.green().to_string())
    }

    /// For what is wrong.
    pub fn red(self, text: &str) -> String {
        self.with(text, |text| text.red().to_string())
    }

    /// For what needs a look.
    pub fn yellow(self, text: &str) -> String {
        self.with(text, |text| text.yellow().to_string())
    }

    /// For remedies and commands.
    pub fn cyan(self, text: &str) -> String {
        self.with(text, |text| text.cyan().to_string())
    }

    /// For words that are new among others.
    pub fn mark(self, text: &str) -> String {
        self.with(text, |text| text.bold().underline().to_string())
    }
}
