//! GATT descriptors. Written by dongle-names/generate.py from btuuid 0.1.1: do not edit.

use crate::att::Uuid;

/// Characteristic Extended Properties.
pub const CHARACTERISTIC_EXTENDED_PROPERTIES: Uuid = Uuid::from_u16(0x2900);
/// Characteristic User Description.
pub const CHARACTERISTIC_USER_DESCRIPTION: Uuid = Uuid::from_u16(0x2901);
/// Client Characteristic Configuration.
pub const CLIENT_CHARACTERISTIC_CONFIGURATION: Uuid = Uuid::from_u16(0x2902);
/// Server Characteristic Configuration.
pub const SERVER_CHARACTERISTIC_CONFIGURATION: Uuid = Uuid::from_u16(0x2903);
/// Characteristic Presentation Format.
pub const CHARACTERISTIC_PRESENTATION_FORMAT: Uuid = Uuid::from_u16(0x2904);
/// Characteristic Aggregate Format.
pub const CHARACTERISTIC_AGGREGATE_FORMAT: Uuid = Uuid::from_u16(0x2905);
/// Valid Range.
pub const VALID_RANGE: Uuid = Uuid::from_u16(0x2906);
/// External Report Reference.
pub const EXTERNAL_REPORT_REFERENCE: Uuid = Uuid::from_u16(0x2907);
/// Report Reference.
pub const REPORT_REFERENCE: Uuid = Uuid::from_u16(0x2908);
/// Number of Digitals.
pub const NUMBER_OF_DIGITALS: Uuid = Uuid::from_u16(0x2909);
/// Value Trigger Setting.
pub const VALUE_TRIGGER_SETTING: Uuid = Uuid::from_u16(0x290A);
/// Environmental Sensing Configuration.
pub const ENVIRONMENTAL_SENSING_CONFIGURATION: Uuid = Uuid::from_u16(0x290B);
/// Environmental Sensing Measurement.
pub const ENVIRONMENTAL_SENSING_MEASUREMENT: Uuid = Uuid::from_u16(0x290C);
/// Environmental Sensing Trigger Setting.
pub const ENVIRONMENTAL_SENSING_TRIGGER_SETTING: Uuid = Uuid::from_u16(0x290D);
/// Time Trigger Setting.
pub const TIME_TRIGGER_SETTING: Uuid = Uuid::from_u16(0x290E);
/// Complete BR-EDR Transport Block Data.
pub const COMPLETE_BR_EDR_TRANSPORT_BLOCK_DATA: Uuid = Uuid::from_u16(0x290F);
/// Observation Schedule.
pub const OBSERVATION_SCHEDULE: Uuid = Uuid::from_u16(0x2910);
/// Valid Range and Accuracy.
pub const VALID_RANGE_AND_ACCURACY: Uuid = Uuid::from_u16(0x2911);
/// Measurement Description.
pub const MEASUREMENT_DESCRIPTION: Uuid = Uuid::from_u16(0x2912);
/// Manufacturer Limits.
pub const MANUFACTURER_LIMITS: Uuid = Uuid::from_u16(0x2913);
/// Process Tolerances.
pub const PROCESS_TOLERANCES: Uuid = Uuid::from_u16(0x2914);
/// IMD Trigger Setting.
pub const IMD_TRIGGER_SETTING: Uuid = Uuid::from_u16(0x2915);
