//! Pairs and encrypts on the host thread.

use dongle_central::central::SecureError;
use dongle_central::security::SecurityError;

use super::Host;
use super::hold::HostConnection;
use crate::error::Error;
use crate::security::SecureRequest;

impl<'c, 's, 'a> Host<'c, 's, 'a> {
    /// Secures a connection as a handle asked, and finishes even if the caller has given up.
    pub(super) async fn secure(&self, request: SecureRequest) {
        let SecureRequest {
            id,
            wanted,
            anew,
            asked,
            reply,
        } = request;
        let result = match self.central.connection(id) {
            Some(connection) => {
                let bonds = &self.security.bonds;
                let secured = match anew {
                    true => connection.secure_anew(&wanted, &asked, bonds).await,
                    false => connection.secure(&wanted, &asked, bonds).await,
                };
                secured.map_err(|error| match error {
                    SecureError::Security(error) => error.into(),
                    SecureError::Store(error) => error,
                })
            }
            None => {
                let links = self.central.mux().links();
                let reason =
                    dongle_central::links::Links::with_link(links, id, |link| link.info.reason());
                Err(SecurityError::Disconnected(
                    reason
                        .flatten()
                        .unwrap_or(dongle_central::links::Reason::Unknown),
                )
                .into())
            }
        };
        self.tell(reply, result).await;
    }

    /// Encrypts a new connection if there is a bond with the device.
    pub(super) async fn protect(
        &self,
        connection: &HostConnection<'c, 's, 'a>,
    ) -> Result<(), Error> {
        let Some(bond) = self.security.bonds.find(connection.peer()) else {
            return Ok(());
        };
        connection.encrypt(&bond).await?;
        Ok(())
    }
}
