//! What each process does again and again.

use std::{sync::Arc, time::Duration};

use clowder_accounts::AuditLog;
use clowder_infra::Upkeep;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::{clock, front::Limits, stop::Stop, ws::Sockets};

/// How often a node checks whether the audit log has entries to chain.
const CHAIN_EVERY: Duration = Duration::from_millis(500);

/// Chains entries of the audit log. Every node tries; the one that holds the lock on the head does it. If that node
/// dies, its transaction and lock end with it.
pub async fn chain_audit(audit: Arc<dyn AuditLog>, mut stop: Stop) {
    let mut often = tokio::time::interval(CHAIN_EVERY);
    often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.wait() => return,
            _ = often.tick() => {}
        }
        // Chains one batch after the other until none is left.
        let failed = loop {
            match audit.append_pending().await {
                Ok(0) => break None,
                Ok(_) => {}
                Err(error) => break Some(error),
            }
        };
        if let Some(error) = failed.as_ref().filter(|_| !failing) {
            tracing::warn!(%error, "cannot chain the audit log right now");
        }
        failing = failed.is_some();
    }
}

/// Periodic maintenance of each process.
pub async fn maintain(
    limits: Arc<dyn Limits>,
    sockets: Sockets,
    recorder: PrometheusHandle,
    upkeep: Arc<dyn Upkeep>,
    mut stop: Stop,
) {
    let mut often = tokio::time::interval(Sockets::RENEWED);
    loop {
        tokio::select! {
            () = stop.wait() => return,
            _ = often.tick() => {
                limits.sweep().await;
                sockets.renew().await;
                recorder.run_upkeep();
                // Errors are reported elsewhere.
                if let Ok(Some(skew)) = upkeep.skew(clock::now).await && skew.is_too_much() {
                    tracing::warn!("not ready: {}", skew.describe());
                }
            }
        }
    }
}
