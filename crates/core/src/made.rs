//! What becomes of a call that makes something which may exist already.

/// The result of a creation: new, or an existing one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made<T> {
    New(T),
    Found(T),
}

impl<T> Made<T> {
    pub fn into_inner(self) -> T {
        match self {
            Self::New(thing) | Self::Found(thing) => thing,
        }
    }
}
