//! What goes wrong between a shop and Stripe.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A payment is begun.
    Create,
    /// A payment is looked up.
    Retrieve,
    /// Money is taken.
    Capture,
    /// A payment is called off.
    Cancel,
    /// Money is given back.
    Refund,
    /// The refunds of a payment are looked up.
    ListRefunds,
    /// Payments are searched.
    Search,
}

/// What happens to a call.
#[derive(Debug)]
pub enum Fault {
    /// The connection ends before anything happened.
    LoseRequest,
    /// It happens, and the connection ends without an answer.
    LoseReply,
    /// Nothing happens; the answer has this status.
    Answer(u16),
}

/// What is to come of a call.
#[derive(Debug)]
pub(super) enum Trouble {
    Fault(Fault),
    Held(Held),
}

/// Where a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// It has arrived, and nothing has happened.
    Before,
    /// It has happened, and nothing was answered.
    After,
}

/// The inner side of a [`Gate`].
#[derive(Debug)]
pub(super) struct Held {
    pub(super) at: Point,
    pub(super) reached: oneshot::Sender<()>,
    pub(super) released: oneshot::Receiver<()>,
}

/// Holds a call. Dropped, it loses it: what has not happened by then never does, and nobody gets an answer.
#[derive(Debug)]
pub struct Gate {
    reached: Option<oneshot::Receiver<()>>,
    release: oneshot::Sender<()>,
}

impl Gate {
    pub(super) fn new(at: Point) -> (Self, Trouble) {
        let (arrived, reached) = oneshot::channel();
        let (release, released) = oneshot::channel();
        (Self { reached: Some(reached), release }, Trouble::Held(Held { at, reached: arrived, released }))
    }

    /// Waits until a call is here.
    pub async fn reached(&mut self) {
        if let Some(reached) = self.reached.take() {
            let _ = reached.await;
        }
    }

    /// The same, for a thread outside of any runtime.
    pub fn wait(&mut self) {
        if let Some(reached) = self.reached.take() {
            let _ = reached.blocking_recv();
        }
    }

    /// Lets the call go on, even if whoever made it is gone: what has arrived at Stripe happens.
    pub fn release(self) {
        let _ = self.release.send(());
    }
}

/// What is to go wrong, oldest first.
#[derive(Debug, Default)]
pub(super) struct Faults(VecDeque<(Call, Trouble)>);

impl Faults {
    pub(super) fn push(&mut self, call: Call, trouble: Trouble) {
        self.0.push_back((call, trouble));
    }

    pub(super) fn take(&mut self, call: Call) -> Option<Trouble> {
        let index = self.0.iter().position(|(other, _)| *other == call)?;
        self.0.remove(index).map(|(_, trouble)| trouble)
    }
}
