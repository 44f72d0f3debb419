//! The port to the bus, which carries small messages between the processes over one database.

/// Carries each message to everybody who hears it: at most once, in the order of its sender, and without any promise that
/// it arrives. So nothing may depend on it: a message that is lost may only make something happen later.
pub trait Bus: Send + Sync {
    /// Passes a message on to all processes, this one included. Never waits and never fails: what does not fit is dropped
    /// and counted.
    fn publish(&self, message: String);

    /// From now on `hear` is called with each message, one after another. It must not block.
    fn subscribe(&self, hear: Hear);

    /// What it goes through, in a word.
    fn name(&self) -> &'static str;

    /// Whether messages arrive right now, as far as it is known.
    fn works(&self) -> bool;
}

/// Is called with each message.
pub type Hear = Box<dyn Fn(&str) + Send + Sync>;
