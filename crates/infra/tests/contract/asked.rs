//! Records the SQL that connections to SQLite execute. Connections to PostgreSQL watch their statements themselves.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, Once},
};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

static ASKED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Records the statements of one connection, under the URL of its database.
#[derive(Default)]
struct Recorder(String);

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => url.clone_into(&mut self.0),
            InstrumentationEvent::StartQuery { query, .. } => {
                ASKED.lock().unwrap().entry(self.0.clone()).or_default().push(query.to_string());
            }
            _ => {}
        }
    }
}

/// From now on, the statements of new connections are recorded.
pub fn record() {
    static RECORDS: Once = Once::new();
    RECORDS.call_once(|| set_default_instrumentation(|| Some(Box::<Recorder>::default())).unwrap());
}

/// The statements of one database since the last call, with their bound values.
pub fn take(path: &Path) -> Vec<String> {
    let name = path.to_string_lossy();
    let mut asked = ASKED.lock().unwrap();
    let of_this = asked.iter_mut().filter(|(url, _)| url.contains(&*name));
    of_this.flat_map(|(_, statements)| std::mem::take(statements)).collect()
}
