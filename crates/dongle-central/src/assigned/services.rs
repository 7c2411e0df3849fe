//! GATT services. Written by dongle-names/generate.py from btuuid 0.1.1: do not edit.

use crate::att::Uuid;

/// GAP.
pub const GAP: Uuid = Uuid::from_u16(0x1800);
/// GATT.
pub const GATT: Uuid = Uuid::from_u16(0x1801);
/// Immediate Alert.
pub const IMMEDIATE_ALERT: Uuid = Uuid::from_u16(0x1802);
/// Link Loss.
pub const LINK_LOSS: Uuid = Uuid::from_u16(0x1803);
/// Tx Power.
pub const TX_POWER: Uuid = Uuid::from_u16(0x1804);
/// Current Time.
pub const CURRENT_TIME: Uuid = Uuid::from_u16(0x1805);
/// Reference Time Update.
pub const REFERENCE_TIME_UPDATE: Uuid = Uuid::from_u16(0x1806);
/// Next DST Change.
pub const NEXT_DST_CHANGE: Uuid = Uuid::from_u16(0x1807);
/// Glucose.
pub const GLUCOSE: Uuid = Uuid::from_u16(0x1808);
/// Health Thermometer.
pub const HEALTH_THERMOMETER: Uuid = Uuid::from_u16(0x1809);
/// Device Information.
pub const DEVICE_INFORMATION: Uuid = Uuid::from_u16(0x180A);
/// Heart Rate.
pub const HEART_RATE: Uuid = Uuid::from_u16(0x180D);
/// Phone Alert Status.
pub const PHONE_ALERT_STATUS: Uuid = Uuid::from_u16(0x180E);
/// Battery.
pub const BATTERY: Uuid = Uuid::from_u16(0x180F);
/// Blood Pressure.
pub const BLOOD_PRESSURE: Uuid = Uuid::from_u16(0x1810);
/// Alert Notification.
pub const ALERT_NOTIFICATION: Uuid = Uuid::from_u16(0x1811);
/// Human Interface Device.
pub const HUMAN_INTERFACE_DEVICE: Uuid = Uuid::from_u16(0x1812);
/// Scan Parameters.
pub const SCAN_PARAMETERS: Uuid = Uuid::from_u16(0x1813);
/// Running Speed and Cadence.
pub const RUNNING_SPEED_AND_CADENCE: Uuid = Uuid::from_u16(0x1814);
/// Automation IO.
pub const AUTOMATION_IO: Uuid = Uuid::from_u16(0x1815);
/// Cycling Speed and Cadence.
pub const CYCLING_SPEED_AND_CADENCE: Uuid = Uuid::from_u16(0x1816);
/// Cycling Power.
pub const CYCLING_POWER: Uuid = Uuid::from_u16(0x1818);
/// Location and Navigation.
pub const LOCATION_AND_NAVIGATION: Uuid = Uuid::from_u16(0x1819);
/// Environmental Sensing.
pub const ENVIRONMENTAL_SENSING: Uuid = Uuid::from_u16(0x181A);
/// Body Composition.
pub const BODY_COMPOSITION: Uuid = Uuid::from_u16(0x181B);
/// User Data.
pub const USER_DATA: Uuid = Uuid::from_u16(0x181C);
/// Weight Scale.
pub const WEIGHT_SCALE: Uuid = Uuid::from_u16(0x181D);
/// Bond Management.
pub const BOND_MANAGEMENT: Uuid = Uuid::from_u16(0x181E);
/// Continuous Glucose Monitoring.
pub const CONTINUOUS_GLUCOSE_MONITORING: Uuid = Uuid::from_u16(0x181F);
/// Internet Protocol Support.
pub const INTERNET_PROTOCOL_SUPPORT: Uuid = Uuid::from_u16(0x1820);
/// Indoor Positioning.
pub const INDOOR_POSITIONING: Uuid = Uuid::from_u16(0x1821);
/// Pulse Oximeter.
pub const PULSE_OXIMETER: Uuid = Uuid::from_u16(0x1822);
/// HTTP Proxy.
pub const HTTP_PROXY: Uuid = Uuid::from_u16(0x1823);
/// Transport Discovery.
pub const TRANSPORT_DISCOVERY: Uuid = Uuid::from_u16(0x1824);
/// Object Transfer.
pub const OBJECT_TRANSFER: Uuid = Uuid::from_u16(0x1825);
/// Fitness Machine.
pub const FITNESS_MACHINE: Uuid = Uuid::from_u16(0x1826);
/// Mesh Provisioning.
pub const MESH_PROVISIONING: Uuid = Uuid::from_u16(0x1827);
/// Mesh Proxy.
pub const MESH_PROXY: Uuid = Uuid::from_u16(0x1828);
/// Reconnection Configuration.
pub const RECONNECTION_CONFIGURATION: Uuid = Uuid::from_u16(0x1829);
/// Insulin Delivery.
pub const INSULIN_DELIVERY: Uuid = Uuid::from_u16(0x183A);
/// Binary Sensor.
pub const BINARY_SENSOR: Uuid = Uuid::from_u16(0x183B);
/// Emergency Configuration.
pub const EMERGENCY_CONFIGURATION: Uuid = Uuid::from_u16(0x183C);
/// Authorization Control.
pub const AUTHORIZATION_CONTROL: Uuid = Uuid::from_u16(0x183D);
/// Physical Activity Monitor.
pub const PHYSICAL_ACTIVITY_MONITOR: Uuid = Uuid::from_u16(0x183E);
/// Elapsed Time.
pub const ELAPSED_TIME: Uuid = Uuid::from_u16(0x183F);
/// Generic Health Sensor.
pub const GENERIC_HEALTH_SENSOR: Uuid = Uuid::from_u16(0x1840);
/// Audio Input Control.
pub const AUDIO_INPUT_CONTROL: Uuid = Uuid::from_u16(0x1843);
/// Volume Control.
pub const VOLUME_CONTROL: Uuid = Uuid::from_u16(0x1844);
/// Volume Offset Control.
pub const VOLUME_OFFSET_CONTROL: Uuid = Uuid::from_u16(0x1845);
/// Coordinated Set Identification.
pub const COORDINATED_SET_IDENTIFICATION: Uuid = Uuid::from_u16(0x1846);
/// Device Time.
pub const DEVICE_TIME: Uuid = Uuid::from_u16(0x1847);
/// Media Control.
pub const MEDIA_CONTROL: Uuid = Uuid::from_u16(0x1848);
/// Generic Media Control.
pub const GENERIC_MEDIA_CONTROL: Uuid = Uuid::from_u16(0x1849);
/// Constant Tone Extension.
pub const CONSTANT_TONE_EXTENSION: Uuid = Uuid::from_u16(0x184A);
/// Telephone Bearer.
pub const TELEPHONE_BEARER: Uuid = Uuid::from_u16(0x184B);
/// Generic Telephone Bearer.
pub const GENERIC_TELEPHONE_BEARER: Uuid = Uuid::from_u16(0x184C);
/// Microphone Control.
pub const MICROPHONE_CONTROL: Uuid = Uuid::from_u16(0x184D);
/// Audio Stream Control.
pub const AUDIO_STREAM_CONTROL: Uuid = Uuid::from_u16(0x184E);
/// Broadcast Audio Scan.
pub const BROADCAST_AUDIO_SCAN: Uuid = Uuid::from_u16(0x184F);
/// Published Audio Capabilities.
pub const PUBLISHED_AUDIO_CAPABILITIES: Uuid = Uuid::from_u16(0x1850);
/// Basic Audio Announcement.
pub const BASIC_AUDIO_ANNOUNCEMENT: Uuid = Uuid::from_u16(0x1851);
/// Broadcast Audio Announcement.
pub const BROADCAST_AUDIO_ANNOUNCEMENT: Uuid = Uuid::from_u16(0x1852);
/// Common Audio.
pub const COMMON_AUDIO: Uuid = Uuid::from_u16(0x1853);
/// Hearing Access.
pub const HEARING_ACCESS: Uuid = Uuid::from_u16(0x1854);
/// Telephony and Media Audio.
pub const TELEPHONY_AND_MEDIA_AUDIO: Uuid = Uuid::from_u16(0x1855);
/// Public Broadcast Announcement.
pub const PUBLIC_BROADCAST_ANNOUNCEMENT: Uuid = Uuid::from_u16(0x1856);
/// Electronic Shelf Label.
pub const ELECTRONIC_SHELF_LABEL: Uuid = Uuid::from_u16(0x1857);
/// Gaming Audio.
pub const GAMING_AUDIO: Uuid = Uuid::from_u16(0x1858);
/// Mesh Proxy Solicitation.
pub const MESH_PROXY_SOLICITATION: Uuid = Uuid::from_u16(0x1859);
/// Industrial Measurement Device.
pub const INDUSTRIAL_MEASUREMENT_DEVICE: Uuid = Uuid::from_u16(0x185A);
/// Ranging.
pub const RANGING: Uuid = Uuid::from_u16(0x185B);
/// HID ISO.
pub const HID_ISO: Uuid = Uuid::from_u16(0x185C);
