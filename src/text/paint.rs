//! Colours on a terminal.

/// Colours texts, or leaves them alone.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// Leaves every text alone.
    pub const OFF: Self = Self(false);

    /// Colours if `on`.
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self(on)
    }

    /// Whether it colours.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.0
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Names and titles.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Details that a reader may skip.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// Success, and advice that can be followed.
    #[must_use]
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Warnings in progress lines.
    #[must_use]
    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// The mark of a warning in a file.
    #[must_use]
    pub fn bold_yellow(self, text: &str) -> String {
        self.wrap("1;33", text)
    }

    /// Errors.
    #[must_use]
    pub fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }
}
