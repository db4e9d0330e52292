//! The two ends of a connection, and what there is of each.

use std::ops::{Index, IndexMut};

/// One of the two ends of a TCP connection, as the sender of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that opened the connection, as far as the capture shows it; else the sender of the first segment.
    A,
    /// The other end.
    B,
}

impl Side {
    /// Both, A first.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// One value for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerSide<T> {
    /// Of [`Side::A`].
    pub a: T,
    /// Of [`Side::B`].
    pub b: T,
}

impl<T> PerSide<T> {
    /// What `make` makes for each side.
    pub fn of(mut make: impl FnMut(Side) -> T) -> Self {
        Self {
            a: make(Side::A),
            b: make(Side::B),
        }
    }

    /// Both values, that of A first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.a, &self.b].into_iter()
    }

    /// What `make` makes of each.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> PerSide<U> {
        PerSide {
            a: make(self.a),
            b: make(self.b),
        }
    }
}

impl<T> Index<Side> for PerSide<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

impl<T> IndexMut<Side> for PerSide<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}
