//! Emails that a call should have caused but that were not sent at once, because there had been too many.

/// An email that was not sent. Only what does not depend on who has an account may be counted: anybody may be able to
/// read the metrics.
#[derive(Debug, Clone, Copy)]
pub struct Withheld {
    pub call: EmailCall,
    pub reason: TooManyEmails,
}

/// The call that should have caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailCall {
    /// Registering, or the approval of a sign-up.
    SignUp,
    /// `verify-email/request`.
    Verify,
    /// `password/forgot`.
    Reset,
}

/// Who had too many emails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooManyEmails {
    /// The caller had caused too many.
    Caller,
    /// The address had got too many.
    Address,
}

impl Withheld {
    pub fn count(self) {
        let call = match self.call {
            EmailCall::SignUp => "sign_up",
            EmailCall::Verify => "verify",
            EmailCall::Reset => "reset",
        };
        let reason = match self.reason {
            TooManyEmails::Caller => "caller",
            TooManyEmails::Address => "address",
        };
        metrics::counter!("clowder_emails_withheld_total", "call" => call, "reason" => reason).increment(1);
    }
}
