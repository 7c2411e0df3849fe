//! The attribute cache: what is not asked again, and how it is noticed that it has to be.

mod bonded;
mod scripted;
mod unbonded;
