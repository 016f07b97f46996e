//! What the admin API shows of notifications, and asks of them.

use crate::admin::desk::{Later, SinkState, SinkTested, SinkView, Sinks};
use crate::control::By;
use crate::notify::{Handle, State, Tested, View};

impl Sinks for Handle {
    fn list(&self) -> Later<'_, Vec<SinkView>> {
        Box::pin(async { self.views().into_iter().map(shown).collect() })
    }

    fn test<'a>(&'a self, name: &'a str, by: By) -> Later<'a, Option<SinkTested>> {
        Box::pin(async move {
            let Tested { took, error } = Self::test(self, name, &by.author, &by.reason).await?;
            Some(SinkTested { took, error })
        })
    }
}

fn shown(view: View) -> SinkView {
    // One that cannot be used is failing, and says why.
    let View { name, kind, usable: _, state, pending, delivered, failed, lost, last_error, last_delivered } = view;
    let state = match state {
        State::Ok => SinkState::Ok,
        State::Failing => SinkState::Failing,
        State::Open => SinkState::Open,
    };
    SinkView { name, kind, state, pending, delivered, failed, lost, last_error, last_delivered }
}
