//! Failures between a shop and Stripe.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// A kind of API call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Create a payment.
    Create,
    /// Retrieve a payment.
    Retrieve,
    /// Capture a payment.
    Capture,
    /// Cancel a payment.
    Cancel,
    /// Refund a payment.
    Refund,
    /// List the refunds of a payment.
    ListRefunds,
    /// Search payments.
    Search,
}

/// How a call fails.
#[derive(Debug)]
pub enum Fault {
    /// The connection ends before the call is executed.
    LoseRequest,
    /// The call is executed, but the connection ends without a response.
    LoseReply,
    /// The call is not executed; the response has this status.
    Response(u16),
}

/// What a test has planned for a call.
#[derive(Debug)]
pub(super) enum Trouble {
    Fault(Fault),
    Held(Held),
}

/// The point at which a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The call has arrived but is not executed.
    Before,
    /// The call is executed but not answered.
    After,
}

/// The server side of a [`Gate`].
#[derive(Debug)]
pub(super) struct Held {
    pub(super) at: Point,
    pub(super) reached: oneshot::Sender<()>,
    pub(super) released: oneshot::Receiver<()>,
}

/// Holds a call. If dropped, the call is lost: it is not executed if it was not yet, and gets no response.
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

    /// Waits until a call has reached the gate.
    pub async fn reached(&mut self) {
        if let Some(reached) = self.reached.take() {
            let _ = reached.await;
        }
    }

    /// Like [`Gate::reached`], for a thread outside any runtime.
    pub fn wait(&mut self) {
        if let Some(reached) = self.reached.take() {
            let _ = reached.blocking_recv();
        }
    }

    /// Lets the call continue, even if the caller has gone: a call that has arrived at Stripe is executed.
    pub fn release(self) {
        let _ = self.release.send(());
    }
}

/// The planned failures, oldest first.
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
