//! What is done to a world from above: by the operator, and by a service that ends what it names.

use super::*;

impl World {
    pub(super) async fn manage(&self, op: Op, state: &State) -> Said {
        let (app, caller) = (self.app(), Caller::default());
        let store = &app.store;
        let by = By { actor: Actor::Operator, caller: &caller, at: self.clock.now() };
        match op {
            Op::SetPassword(user) => {
                let hash = password::hash(app, &password::Password::typed(PASSWORD).unwrap()).await.unwrap();
                let done = people::set_password(store, &by, self.users[user], &hash).await.unwrap();
                done.settle(app).await.unwrap();
            }
            Op::User { user, enable } => {
                let id = self.users[user];
                let done = if enable {
                    people::enable(store, &by, id).await.unwrap()
                } else {
                    people::disable(store, &by, id).await.unwrap()
                };
                done.settle(app).await.unwrap();
            }
            Op::Client { client, enable } => {
                let id = self.clients[client].id;
                let done = if enable {
                    manage::enable(store, &by, id).await.unwrap()
                } else {
                    manage::disable(store, &by, id).await.unwrap()
                };
                done.settle(app).await.unwrap();
            }
            Op::RemoveConsent { user, client } => {
                let done = people::remove_consent(store, &by, self.users[user], self.clients[client].id).await.unwrap();
                done.settle(app).await.unwrap();
            }
            Op::ChangeGroups(user) => {
                let staff = vec!["staff".to_owned()];
                let edit = if state.staff[user] {
                    Edit { add_groups: staff, ..Edit::default() }
                } else {
                    Edit { remove_groups: staff, ..Edit::default() }
                };
                people::update(store, &by, self.users[user], &edit).await.unwrap().settle(app).await.unwrap();
            }
            Op::Admin(named) => self.admin(named).await,
            other => panic!("{other:?} is no matter of management"),
        }
        Said::Done
    }

    /// `POST /admin/v1/revocations`, or the same kill again, which then writes nothing.
    pub(super) async fn admin(&self, named: Named) {
        let (kind, value) = match named {
            Named::Token(at) => ("jti", self.jti(at % self.access.len())),
            Named::Family(at) => ("family", self.families[at % self.families.len()].to_string()),
            Named::Session(at) => ("session", self.sessions[at % self.sessions.len()].to_string()),
            Named::Grant(user, client) => ("grant", format!("{} {}", self.subjects[user], self.clients[client].id)),
            Named::User(user) => ("user", self.subjects[user].to_string()),
            Named::Client(client) => ("client", self.clients[client].id.to_string()),
            Named::All => ("all", String::new()),
        };
        let answer = try_admin(&self.issuer, kind, &value).await;
        assert!([200, 201].contains(&answer.status.as_u16()), "{}", answer.text);
    }
}
