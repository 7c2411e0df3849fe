//! Tells controllers that support BR/EDR, too, that their host supports LE.

use bt_hci::cmd::info::ReadLocalSupportedFeatures;
use bt_hci::transport::Transport;
use trouble_host::PacketPool;

use super::command::Command;
use super::{Central, Error};
use crate::links::Links;
use crate::mux::ReportHandler;

/// Write LE Host Support (Core Vol 4 Part E, 7.3.79).
const WRITE_LE_HOST_SUPPORT: u16 = 0x0C6D;

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Tells a BR/EDR controller that its host supports LE; without this it may refuse to scan and
    /// to connect. Nothing is sent to a controller that supports LE alone.
    ///
    /// # Errors
    /// If the controller does not report its features, or refuses the command.
    pub async fn support_le(&self) -> Result<(), Error<T::Error>> {
        let features = self.ask(&ReadLocalSupportedFeatures::new()).await?;
        if features.supports_br_edr_not() {
            return Ok(());
        }
        // The last octet is reserved for future use.
        let command = Command::written(WRITE_LE_HOST_SUPPORT, &[&[1, 0]]);
        self.send(&command).await?;
        Ok(())
    }
}
