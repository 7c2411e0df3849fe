//! GATT characteristics. Written by dongle-names/generate.py from btuuid 0.1.1: do not edit.

use crate::att::Uuid;

/// Device Name.
pub const DEVICE_NAME: Uuid = Uuid::from_u16(0x2A00);
/// Appearance.
pub const APPEARANCE: Uuid = Uuid::from_u16(0x2A01);
/// Peripheral Privacy Flag.
pub const PERIPHERAL_PRIVACY_FLAG: Uuid = Uuid::from_u16(0x2A02);
/// Reconnection Address.
pub const RECONNECTION_ADDRESS: Uuid = Uuid::from_u16(0x2A03);
/// Peripheral Preferred Connection Parameters.
pub const PERIPHERAL_PREFERRED_CONNECTION_PARAMETERS: Uuid = Uuid::from_u16(0x2A04);
/// Service Changed.
pub const SERVICE_CHANGED: Uuid = Uuid::from_u16(0x2A05);
/// Alert Level.
pub const ALERT_LEVEL: Uuid = Uuid::from_u16(0x2A06);
/// Tx Power Level.
pub const TX_POWER_LEVEL: Uuid = Uuid::from_u16(0x2A07);
/// Date Time.
pub const DATE_TIME: Uuid = Uuid::from_u16(0x2A08);
/// Day of Week.
pub const DAY_OF_WEEK: Uuid = Uuid::from_u16(0x2A09);
/// Day Date Time.
pub const DAY_DATE_TIME: Uuid = Uuid::from_u16(0x2A0A);
/// Exact Time 256.
pub const EXACT_TIME_256: Uuid = Uuid::from_u16(0x2A0C);
/// DST Offset.
pub const DST_OFFSET: Uuid = Uuid::from_u16(0x2A0D);
/// Time Zone.
pub const TIME_ZONE: Uuid = Uuid::from_u16(0x2A0E);
/// Local Time Information.
pub const LOCAL_TIME_INFORMATION: Uuid = Uuid::from_u16(0x2A0F);
/// Time with DST.
pub const TIME_WITH_DST: Uuid = Uuid::from_u16(0x2A11);
/// Time Accuracy.
pub const TIME_ACCURACY: Uuid = Uuid::from_u16(0x2A12);
/// Time Source.
pub const TIME_SOURCE: Uuid = Uuid::from_u16(0x2A13);
/// Reference Time Information.
pub const REFERENCE_TIME_INFORMATION: Uuid = Uuid::from_u16(0x2A14);
/// Time Update Control Point.
pub const TIME_UPDATE_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A16);
/// Time Update State.
pub const TIME_UPDATE_STATE: Uuid = Uuid::from_u16(0x2A17);
/// Glucose Measurement.
pub const GLUCOSE_MEASUREMENT: Uuid = Uuid::from_u16(0x2A18);
/// Battery Level.
pub const BATTERY_LEVEL: Uuid = Uuid::from_u16(0x2A19);
/// Temperature Measurement.
pub const TEMPERATURE_MEASUREMENT: Uuid = Uuid::from_u16(0x2A1C);
/// Temperature Type.
pub const TEMPERATURE_TYPE: Uuid = Uuid::from_u16(0x2A1D);
/// Intermediate Temperature.
pub const INTERMEDIATE_TEMPERATURE: Uuid = Uuid::from_u16(0x2A1E);
/// Measurement Interval.
pub const MEASUREMENT_INTERVAL: Uuid = Uuid::from_u16(0x2A21);
/// Boot Keyboard Input Report.
pub const BOOT_KEYBOARD_INPUT_REPORT: Uuid = Uuid::from_u16(0x2A22);
/// System ID.
pub const SYSTEM_ID: Uuid = Uuid::from_u16(0x2A23);
/// Model Number String.
pub const MODEL_NUMBER_STRING: Uuid = Uuid::from_u16(0x2A24);
/// Serial Number String.
pub const SERIAL_NUMBER_STRING: Uuid = Uuid::from_u16(0x2A25);
/// Firmware Revision String.
pub const FIRMWARE_REVISION_STRING: Uuid = Uuid::from_u16(0x2A26);
/// Hardware Revision String.
pub const HARDWARE_REVISION_STRING: Uuid = Uuid::from_u16(0x2A27);
/// Software Revision String.
pub const SOFTWARE_REVISION_STRING: Uuid = Uuid::from_u16(0x2A28);
/// Manufacturer Name String.
pub const MANUFACTURER_NAME_STRING: Uuid = Uuid::from_u16(0x2A29);
/// IEEE 11073-20601 Regulatory Certification Data List.
pub const IEEE_11073_20601_REGULATORY_CERTIFICATION_DATA_LIST: Uuid = Uuid::from_u16(0x2A2A);
/// Current Time.
pub const CURRENT_TIME: Uuid = Uuid::from_u16(0x2A2B);
/// Magnetic Declination.
pub const MAGNETIC_DECLINATION: Uuid = Uuid::from_u16(0x2A2C);
/// Scan Refresh.
pub const SCAN_REFRESH: Uuid = Uuid::from_u16(0x2A31);
/// Boot Keyboard Output Report.
pub const BOOT_KEYBOARD_OUTPUT_REPORT: Uuid = Uuid::from_u16(0x2A32);
/// Boot Mouse Input Report.
pub const BOOT_MOUSE_INPUT_REPORT: Uuid = Uuid::from_u16(0x2A33);
/// Glucose Measurement Context.
pub const GLUCOSE_MEASUREMENT_CONTEXT: Uuid = Uuid::from_u16(0x2A34);
/// Blood Pressure Measurement.
pub const BLOOD_PRESSURE_MEASUREMENT: Uuid = Uuid::from_u16(0x2A35);
/// Intermediate Cuff Pressure.
pub const INTERMEDIATE_CUFF_PRESSURE: Uuid = Uuid::from_u16(0x2A36);
/// Heart Rate Measurement.
pub const HEART_RATE_MEASUREMENT: Uuid = Uuid::from_u16(0x2A37);
/// Body Sensor Location.
pub const BODY_SENSOR_LOCATION: Uuid = Uuid::from_u16(0x2A38);
/// Heart Rate Control Point.
pub const HEART_RATE_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A39);
/// Alert Status.
pub const ALERT_STATUS: Uuid = Uuid::from_u16(0x2A3F);
/// Ringer Control Point.
pub const RINGER_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A40);
/// Ringer Setting.
pub const RINGER_SETTING: Uuid = Uuid::from_u16(0x2A41);
/// Alert Category ID Bit Mask.
pub const ALERT_CATEGORY_ID_BIT_MASK: Uuid = Uuid::from_u16(0x2A42);
/// Alert Category ID.
pub const ALERT_CATEGORY_ID: Uuid = Uuid::from_u16(0x2A43);
/// Alert Notification Control Point.
pub const ALERT_NOTIFICATION_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A44);
/// Unread Alert Status.
pub const UNREAD_ALERT_STATUS: Uuid = Uuid::from_u16(0x2A45);
/// New Alert.
pub const NEW_ALERT: Uuid = Uuid::from_u16(0x2A46);
/// Supported New Alert Category.
pub const SUPPORTED_NEW_ALERT_CATEGORY: Uuid = Uuid::from_u16(0x2A47);
/// Supported Unread Alert Category.
pub const SUPPORTED_UNREAD_ALERT_CATEGORY: Uuid = Uuid::from_u16(0x2A48);
/// Blood Pressure Feature.
pub const BLOOD_PRESSURE_FEATURE: Uuid = Uuid::from_u16(0x2A49);
/// HID Information.
pub const HID_INFORMATION: Uuid = Uuid::from_u16(0x2A4A);
/// Report Map.
pub const REPORT_MAP: Uuid = Uuid::from_u16(0x2A4B);
/// HID Control Point.
pub const HID_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A4C);
/// Report.
pub const REPORT: Uuid = Uuid::from_u16(0x2A4D);
/// Protocol Mode.
pub const PROTOCOL_MODE: Uuid = Uuid::from_u16(0x2A4E);
/// Scan Interval Window.
pub const SCAN_INTERVAL_WINDOW: Uuid = Uuid::from_u16(0x2A4F);
/// PnP ID.
pub const PNP_ID: Uuid = Uuid::from_u16(0x2A50);
/// Glucose Feature.
pub const GLUCOSE_FEATURE: Uuid = Uuid::from_u16(0x2A51);
/// Record Access Control Point.
pub const RECORD_ACCESS_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A52);
/// RSC Measurement.
pub const RSC_MEASUREMENT: Uuid = Uuid::from_u16(0x2A53);
/// RSC Feature.
pub const RSC_FEATURE: Uuid = Uuid::from_u16(0x2A54);
/// SC Control Point.
pub const SC_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A55);
/// Aggregate.
pub const AGGREGATE: Uuid = Uuid::from_u16(0x2A5A);
/// CSC Measurement.
pub const CSC_MEASUREMENT: Uuid = Uuid::from_u16(0x2A5B);
/// CSC Feature.
pub const CSC_FEATURE: Uuid = Uuid::from_u16(0x2A5C);
/// Sensor Location.
pub const SENSOR_LOCATION: Uuid = Uuid::from_u16(0x2A5D);
/// PLX Spot-Check Measurement.
pub const PLX_SPOT_CHECK_MEASUREMENT: Uuid = Uuid::from_u16(0x2A5E);
/// PLX Continuous Measurement.
pub const PLX_CONTINUOUS_MEASUREMENT: Uuid = Uuid::from_u16(0x2A5F);
/// PLX Features.
pub const PLX_FEATURES: Uuid = Uuid::from_u16(0x2A60);
/// Cycling Power Measurement.
pub const CYCLING_POWER_MEASUREMENT: Uuid = Uuid::from_u16(0x2A63);
/// Cycling Power Vector.
pub const CYCLING_POWER_VECTOR: Uuid = Uuid::from_u16(0x2A64);
/// Cycling Power Feature.
pub const CYCLING_POWER_FEATURE: Uuid = Uuid::from_u16(0x2A65);
/// Cycling Power Control Point.
pub const CYCLING_POWER_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A66);
/// Location and Speed.
pub const LOCATION_AND_SPEED: Uuid = Uuid::from_u16(0x2A67);
/// Navigation.
pub const NAVIGATION: Uuid = Uuid::from_u16(0x2A68);
/// Position Quality.
pub const POSITION_QUALITY: Uuid = Uuid::from_u16(0x2A69);
/// LN Feature.
pub const LN_FEATURE: Uuid = Uuid::from_u16(0x2A6A);
/// LN Control Point.
pub const LN_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A6B);
/// Elevation.
pub const ELEVATION: Uuid = Uuid::from_u16(0x2A6C);
/// Pressure.
pub const PRESSURE: Uuid = Uuid::from_u16(0x2A6D);
/// Temperature.
pub const TEMPERATURE: Uuid = Uuid::from_u16(0x2A6E);
/// Humidity.
pub const HUMIDITY: Uuid = Uuid::from_u16(0x2A6F);
/// True Wind Speed.
pub const TRUE_WIND_SPEED: Uuid = Uuid::from_u16(0x2A70);
/// True Wind Direction.
pub const TRUE_WIND_DIRECTION: Uuid = Uuid::from_u16(0x2A71);
/// Apparent Wind Speed.
pub const APPARENT_WIND_SPEED: Uuid = Uuid::from_u16(0x2A72);
/// Apparent Wind Direction.
pub const APPARENT_WIND_DIRECTION: Uuid = Uuid::from_u16(0x2A73);
/// Gust Factor.
pub const GUST_FACTOR: Uuid = Uuid::from_u16(0x2A74);
/// Pollen Concentration.
pub const POLLEN_CONCENTRATION: Uuid = Uuid::from_u16(0x2A75);
/// UV Index.
pub const UV_INDEX: Uuid = Uuid::from_u16(0x2A76);
/// Irradiance.
pub const IRRADIANCE: Uuid = Uuid::from_u16(0x2A77);
/// Rainfall.
pub const RAINFALL: Uuid = Uuid::from_u16(0x2A78);
/// Wind Chill.
pub const WIND_CHILL: Uuid = Uuid::from_u16(0x2A79);
/// Heat Index.
pub const HEAT_INDEX: Uuid = Uuid::from_u16(0x2A7A);
/// Dew Point.
pub const DEW_POINT: Uuid = Uuid::from_u16(0x2A7B);
/// Descriptor Value Changed.
pub const DESCRIPTOR_VALUE_CHANGED: Uuid = Uuid::from_u16(0x2A7D);
/// Aerobic Heart Rate Lower Limit.
pub const AEROBIC_HEART_RATE_LOWER_LIMIT: Uuid = Uuid::from_u16(0x2A7E);
/// Aerobic Threshold.
pub const AEROBIC_THRESHOLD: Uuid = Uuid::from_u16(0x2A7F);
/// Age.
pub const AGE: Uuid = Uuid::from_u16(0x2A80);
/// Anaerobic Heart Rate Lower Limit.
pub const ANAEROBIC_HEART_RATE_LOWER_LIMIT: Uuid = Uuid::from_u16(0x2A81);
/// Anaerobic Heart Rate Upper Limit.
pub const ANAEROBIC_HEART_RATE_UPPER_LIMIT: Uuid = Uuid::from_u16(0x2A82);
/// Anaerobic Threshold.
pub const ANAEROBIC_THRESHOLD: Uuid = Uuid::from_u16(0x2A83);
/// Aerobic Heart Rate Upper Limit.
pub const AEROBIC_HEART_RATE_UPPER_LIMIT: Uuid = Uuid::from_u16(0x2A84);
/// Date of Birth.
pub const DATE_OF_BIRTH: Uuid = Uuid::from_u16(0x2A85);
/// Date of Threshold Assessment.
pub const DATE_OF_THRESHOLD_ASSESSMENT: Uuid = Uuid::from_u16(0x2A86);
/// Email Address.
pub const EMAIL_ADDRESS: Uuid = Uuid::from_u16(0x2A87);
/// Fat Burn Heart Rate Lower Limit.
pub const FAT_BURN_HEART_RATE_LOWER_LIMIT: Uuid = Uuid::from_u16(0x2A88);
/// Fat Burn Heart Rate Upper Limit.
pub const FAT_BURN_HEART_RATE_UPPER_LIMIT: Uuid = Uuid::from_u16(0x2A89);
/// First Name.
pub const FIRST_NAME: Uuid = Uuid::from_u16(0x2A8A);
/// Five Zone Heart Rate Limits.
pub const FIVE_ZONE_HEART_RATE_LIMITS: Uuid = Uuid::from_u16(0x2A8B);
/// Gender.
pub const GENDER: Uuid = Uuid::from_u16(0x2A8C);
/// Heart Rate Max.
pub const HEART_RATE_MAX: Uuid = Uuid::from_u16(0x2A8D);
/// Height.
pub const HEIGHT: Uuid = Uuid::from_u16(0x2A8E);
/// Hip Circumference.
pub const HIP_CIRCUMFERENCE: Uuid = Uuid::from_u16(0x2A8F);
/// Last Name.
pub const LAST_NAME: Uuid = Uuid::from_u16(0x2A90);
/// Maximum Recommended Heart Rate.
pub const MAXIMUM_RECOMMENDED_HEART_RATE: Uuid = Uuid::from_u16(0x2A91);
/// Resting Heart Rate.
pub const RESTING_HEART_RATE: Uuid = Uuid::from_u16(0x2A92);
/// Sport Type for Aerobic and Anaerobic Thresholds.
pub const SPORT_TYPE_FOR_AEROBIC_AND_ANAEROBIC_THRESHOLDS: Uuid = Uuid::from_u16(0x2A93);
/// Three Zone Heart Rate Limits.
pub const THREE_ZONE_HEART_RATE_LIMITS: Uuid = Uuid::from_u16(0x2A94);
/// Two Zone Heart Rate Limits.
pub const TWO_ZONE_HEART_RATE_LIMITS: Uuid = Uuid::from_u16(0x2A95);
/// VO2 Max.
pub const VO2_MAX: Uuid = Uuid::from_u16(0x2A96);
/// Waist Circumference.
pub const WAIST_CIRCUMFERENCE: Uuid = Uuid::from_u16(0x2A97);
/// Weight.
pub const WEIGHT: Uuid = Uuid::from_u16(0x2A98);
/// Database Change Increment.
pub const DATABASE_CHANGE_INCREMENT: Uuid = Uuid::from_u16(0x2A99);
/// User Index.
pub const USER_INDEX: Uuid = Uuid::from_u16(0x2A9A);
/// Body Composition Feature.
pub const BODY_COMPOSITION_FEATURE: Uuid = Uuid::from_u16(0x2A9B);
/// Body Composition Measurement.
pub const BODY_COMPOSITION_MEASUREMENT: Uuid = Uuid::from_u16(0x2A9C);
/// Weight Measurement.
pub const WEIGHT_MEASUREMENT: Uuid = Uuid::from_u16(0x2A9D);
/// Weight Scale Feature.
pub const WEIGHT_SCALE_FEATURE: Uuid = Uuid::from_u16(0x2A9E);
/// User Control Point.
pub const USER_CONTROL_POINT: Uuid = Uuid::from_u16(0x2A9F);
/// Magnetic Flux Density - 2D.
pub const MAGNETIC_FLUX_DENSITY_2D: Uuid = Uuid::from_u16(0x2AA0);
/// Magnetic Flux Density - 3D.
pub const MAGNETIC_FLUX_DENSITY_3D: Uuid = Uuid::from_u16(0x2AA1);
/// Language.
pub const LANGUAGE: Uuid = Uuid::from_u16(0x2AA2);
/// Barometric Pressure Trend.
pub const BAROMETRIC_PRESSURE_TREND: Uuid = Uuid::from_u16(0x2AA3);
/// Bond Management Control Point.
pub const BOND_MANAGEMENT_CONTROL_POINT: Uuid = Uuid::from_u16(0x2AA4);
/// Bond Management Feature.
pub const BOND_MANAGEMENT_FEATURE: Uuid = Uuid::from_u16(0x2AA5);
/// Central Address Resolution.
pub const CENTRAL_ADDRESS_RESOLUTION: Uuid = Uuid::from_u16(0x2AA6);
/// CGM Measurement.
pub const CGM_MEASUREMENT: Uuid = Uuid::from_u16(0x2AA7);
/// CGM Feature.
pub const CGM_FEATURE: Uuid = Uuid::from_u16(0x2AA8);
/// CGM Status.
pub const CGM_STATUS: Uuid = Uuid::from_u16(0x2AA9);
/// CGM Session Start Time.
pub const CGM_SESSION_START_TIME: Uuid = Uuid::from_u16(0x2AAA);
/// CGM Session Run Time.
pub const CGM_SESSION_RUN_TIME: Uuid = Uuid::from_u16(0x2AAB);
/// CGM Specific Ops Control Point.
pub const CGM_SPECIFIC_OPS_CONTROL_POINT: Uuid = Uuid::from_u16(0x2AAC);
/// Indoor Positioning Configuration.
pub const INDOOR_POSITIONING_CONFIGURATION: Uuid = Uuid::from_u16(0x2AAD);
/// Latitude.
pub const LATITUDE: Uuid = Uuid::from_u16(0x2AAE);
/// Longitude.
pub const LONGITUDE: Uuid = Uuid::from_u16(0x2AAF);
/// Local North Coordinate.
pub const LOCAL_NORTH_COORDINATE: Uuid = Uuid::from_u16(0x2AB0);
/// Local East Coordinate.
pub const LOCAL_EAST_COORDINATE: Uuid = Uuid::from_u16(0x2AB1);
/// Floor Number.
pub const FLOOR_NUMBER: Uuid = Uuid::from_u16(0x2AB2);
/// Altitude.
pub const ALTITUDE: Uuid = Uuid::from_u16(0x2AB3);
/// Uncertainty.
pub const UNCERTAINTY: Uuid = Uuid::from_u16(0x2AB4);
/// Location Name.
pub const LOCATION_NAME: Uuid = Uuid::from_u16(0x2AB5);
/// URI.
pub const URI: Uuid = Uuid::from_u16(0x2AB6);
/// HTTP Headers.
pub const HTTP_HEADERS: Uuid = Uuid::from_u16(0x2AB7);
/// HTTP Status Code.
pub const HTTP_STATUS_CODE: Uuid = Uuid::from_u16(0x2AB8);
/// HTTP Entity Body.
pub const HTTP_ENTITY_BODY: Uuid = Uuid::from_u16(0x2AB9);
/// HTTP Control Point.
pub const HTTP_CONTROL_POINT: Uuid = Uuid::from_u16(0x2ABA);
/// HTTPS Security.
pub const HTTPS_SECURITY: Uuid = Uuid::from_u16(0x2ABB);
/// TDS Control Point.
pub const TDS_CONTROL_POINT: Uuid = Uuid::from_u16(0x2ABC);
/// OTS Feature.
pub const OTS_FEATURE: Uuid = Uuid::from_u16(0x2ABD);
/// Object Name.
pub const OBJECT_NAME: Uuid = Uuid::from_u16(0x2ABE);
/// Object Type.
pub const OBJECT_TYPE: Uuid = Uuid::from_u16(0x2ABF);
/// Object Size.
pub const OBJECT_SIZE: Uuid = Uuid::from_u16(0x2AC0);
/// Object First-Created.
pub const OBJECT_FIRST_CREATED: Uuid = Uuid::from_u16(0x2AC1);
/// Object Last-Modified.
pub const OBJECT_LAST_MODIFIED: Uuid = Uuid::from_u16(0x2AC2);
/// Object ID.
pub const OBJECT_ID: Uuid = Uuid::from_u16(0x2AC3);
/// Object Properties.
pub const OBJECT_PROPERTIES: Uuid = Uuid::from_u16(0x2AC4);
/// Object Action Control Point.
pub const OBJECT_ACTION_CONTROL_POINT: Uuid = Uuid::from_u16(0x2AC5);
/// Object List Control Point.
pub const OBJECT_LIST_CONTROL_POINT: Uuid = Uuid::from_u16(0x2AC6);
/// Object List Filter.
pub const OBJECT_LIST_FILTER: Uuid = Uuid::from_u16(0x2AC7);
/// Object Changed.
pub const OBJECT_CHANGED: Uuid = Uuid::from_u16(0x2AC8);
/// Resolvable Private Address Only.
pub const RESOLVABLE_PRIVATE_ADDRESS_ONLY: Uuid = Uuid::from_u16(0x2AC9);
/// Fitness Machine Feature.
pub const FITNESS_MACHINE_FEATURE: Uuid = Uuid::from_u16(0x2ACC);
/// Treadmill Data.
pub const TREADMILL_DATA: Uuid = Uuid::from_u16(0x2ACD);
/// Cross Trainer Data.
pub const CROSS_TRAINER_DATA: Uuid = Uuid::from_u16(0x2ACE);
/// Step Climber Data.
pub const STEP_CLIMBER_DATA: Uuid = Uuid::from_u16(0x2ACF);
/// Stair Climber Data.
pub const STAIR_CLIMBER_DATA: Uuid = Uuid::from_u16(0x2AD0);
/// Rower Data.
pub const ROWER_DATA: Uuid = Uuid::from_u16(0x2AD1);
/// Indoor Bike Data.
pub const INDOOR_BIKE_DATA: Uuid = Uuid::from_u16(0x2AD2);
/// Training Status.
pub const TRAINING_STATUS: Uuid = Uuid::from_u16(0x2AD3);
/// Supported Speed Range.
pub const SUPPORTED_SPEED_RANGE: Uuid = Uuid::from_u16(0x2AD4);
/// Supported Inclination Range.
pub const SUPPORTED_INCLINATION_RANGE: Uuid = Uuid::from_u16(0x2AD5);
/// Supported Resistance Level Range.
pub const SUPPORTED_RESISTANCE_LEVEL_RANGE: Uuid = Uuid::from_u16(0x2AD6);
/// Supported Heart Rate Range.
pub const SUPPORTED_HEART_RATE_RANGE: Uuid = Uuid::from_u16(0x2AD7);
/// Supported Power Range.
pub const SUPPORTED_POWER_RANGE: Uuid = Uuid::from_u16(0x2AD8);
/// Fitness Machine Control Point.
pub const FITNESS_MACHINE_CONTROL_POINT: Uuid = Uuid::from_u16(0x2AD9);
/// Fitness Machine Status.
pub const FITNESS_MACHINE_STATUS: Uuid = Uuid::from_u16(0x2ADA);
/// Mesh Provisioning Data In.
pub const MESH_PROVISIONING_DATA_IN: Uuid = Uuid::from_u16(0x2ADB);
/// Mesh Provisioning Data Out.
pub const MESH_PROVISIONING_DATA_OUT: Uuid = Uuid::from_u16(0x2ADC);
/// Mesh Proxy Data In.
pub const MESH_PROXY_DATA_IN: Uuid = Uuid::from_u16(0x2ADD);
/// Mesh Proxy Data Out.
pub const MESH_PROXY_DATA_OUT: Uuid = Uuid::from_u16(0x2ADE);
/// Average Current.
pub const AVERAGE_CURRENT: Uuid = Uuid::from_u16(0x2AE0);
/// Average Voltage.
pub const AVERAGE_VOLTAGE: Uuid = Uuid::from_u16(0x2AE1);
/// Boolean.
pub const BOOLEAN: Uuid = Uuid::from_u16(0x2AE2);
/// Chromatic Distance from Planckian.
pub const CHROMATIC_DISTANCE_FROM_PLANCKIAN: Uuid = Uuid::from_u16(0x2AE3);
/// Chromaticity Coordinates.
pub const CHROMATICITY_COORDINATES: Uuid = Uuid::from_u16(0x2AE4);
/// Chromaticity in CCT and Duv Values.
pub const CHROMATICITY_IN_CCT_AND_DUV_VALUES: Uuid = Uuid::from_u16(0x2AE5);
/// Chromaticity Tolerance.
pub const CHROMATICITY_TOLERANCE: Uuid = Uuid::from_u16(0x2AE6);
/// CIE 13.3-1995 Color Rendering Index.
pub const CIE_13_3_1995_COLOR_RENDERING_INDEX: Uuid = Uuid::from_u16(0x2AE7);
/// Coefficient.
pub const COEFFICIENT: Uuid = Uuid::from_u16(0x2AE8);
/// Correlated Color Temperature.
pub const CORRELATED_COLOR_TEMPERATURE: Uuid = Uuid::from_u16(0x2AE9);
/// Count 16.
pub const COUNT_16: Uuid = Uuid::from_u16(0x2AEA);
/// Count 24.
pub const COUNT_24: Uuid = Uuid::from_u16(0x2AEB);
/// Country Code.
pub const COUNTRY_CODE: Uuid = Uuid::from_u16(0x2AEC);
/// Date UTC.
pub const DATE_UTC: Uuid = Uuid::from_u16(0x2AED);
/// Electric Current.
pub const ELECTRIC_CURRENT: Uuid = Uuid::from_u16(0x2AEE);
/// Electric Current Range.
pub const ELECTRIC_CURRENT_RANGE: Uuid = Uuid::from_u16(0x2AEF);
/// Electric Current Specification.
pub const ELECTRIC_CURRENT_SPECIFICATION: Uuid = Uuid::from_u16(0x2AF0);
/// Electric Current Statistics.
pub const ELECTRIC_CURRENT_STATISTICS: Uuid = Uuid::from_u16(0x2AF1);
/// Energy.
pub const ENERGY: Uuid = Uuid::from_u16(0x2AF2);
/// Energy in a Period of Day.
pub const ENERGY_IN_A_PERIOD_OF_DAY: Uuid = Uuid::from_u16(0x2AF3);
/// Event Statistics.
pub const EVENT_STATISTICS: Uuid = Uuid::from_u16(0x2AF4);
/// Fixed String 16.
pub const FIXED_STRING_16: Uuid = Uuid::from_u16(0x2AF5);
/// Fixed String 24.
pub const FIXED_STRING_24: Uuid = Uuid::from_u16(0x2AF6);
/// Fixed String 36.
pub const FIXED_STRING_36: Uuid = Uuid::from_u16(0x2AF7);
/// Fixed String 8.
pub const FIXED_STRING_8: Uuid = Uuid::from_u16(0x2AF8);
/// Generic Level.
pub const GENERIC_LEVEL: Uuid = Uuid::from_u16(0x2AF9);
/// Global Trade Item Number.
pub const GLOBAL_TRADE_ITEM_NUMBER: Uuid = Uuid::from_u16(0x2AFA);
/// Illuminance.
pub const ILLUMINANCE: Uuid = Uuid::from_u16(0x2AFB);
/// Luminous Efficacy.
pub const LUMINOUS_EFFICACY: Uuid = Uuid::from_u16(0x2AFC);
/// Luminous Energy.
pub const LUMINOUS_ENERGY: Uuid = Uuid::from_u16(0x2AFD);
/// Luminous Exposure.
pub const LUMINOUS_EXPOSURE: Uuid = Uuid::from_u16(0x2AFE);
/// Luminous Flux.
pub const LUMINOUS_FLUX: Uuid = Uuid::from_u16(0x2AFF);
/// Luminous Flux Range.
pub const LUMINOUS_FLUX_RANGE: Uuid = Uuid::from_u16(0x2B00);
/// Luminous Intensity.
pub const LUMINOUS_INTENSITY: Uuid = Uuid::from_u16(0x2B01);
/// Mass Flow.
pub const MASS_FLOW: Uuid = Uuid::from_u16(0x2B02);
/// Perceived Lightness.
pub const PERCEIVED_LIGHTNESS: Uuid = Uuid::from_u16(0x2B03);
/// Percentage 8.
pub const PERCENTAGE_8: Uuid = Uuid::from_u16(0x2B04);
/// Power.
pub const POWER: Uuid = Uuid::from_u16(0x2B05);
/// Power Specification.
pub const POWER_SPECIFICATION: Uuid = Uuid::from_u16(0x2B06);
/// Relative Runtime in a Current Range.
pub const RELATIVE_RUNTIME_IN_A_CURRENT_RANGE: Uuid = Uuid::from_u16(0x2B07);
/// Relative Runtime in a Generic Level Range.
pub const RELATIVE_RUNTIME_IN_A_GENERIC_LEVEL_RANGE: Uuid = Uuid::from_u16(0x2B08);
/// Relative Value in a Voltage Range.
pub const RELATIVE_VALUE_IN_A_VOLTAGE_RANGE: Uuid = Uuid::from_u16(0x2B09);
/// Relative Value in an Illuminance Range.
pub const RELATIVE_VALUE_IN_AN_ILLUMINANCE_RANGE: Uuid = Uuid::from_u16(0x2B0A);
/// Relative Value in a Period of Day.
pub const RELATIVE_VALUE_IN_A_PERIOD_OF_DAY: Uuid = Uuid::from_u16(0x2B0B);
/// Relative Value in a Temperature Range.
pub const RELATIVE_VALUE_IN_A_TEMPERATURE_RANGE: Uuid = Uuid::from_u16(0x2B0C);
/// Temperature 8.
pub const TEMPERATURE_8: Uuid = Uuid::from_u16(0x2B0D);
/// Temperature 8 in a Period of Day.
pub const TEMPERATURE_8_IN_A_PERIOD_OF_DAY: Uuid = Uuid::from_u16(0x2B0E);
/// Temperature 8 Statistics.
pub const TEMPERATURE_8_STATISTICS: Uuid = Uuid::from_u16(0x2B0F);
/// Temperature Range.
pub const TEMPERATURE_RANGE: Uuid = Uuid::from_u16(0x2B10);
/// Temperature Statistics.
pub const TEMPERATURE_STATISTICS: Uuid = Uuid::from_u16(0x2B11);
/// Time Decihour 8.
pub const TIME_DECIHOUR_8: Uuid = Uuid::from_u16(0x2B12);
/// Time Exponential 8.
pub const TIME_EXPONENTIAL_8: Uuid = Uuid::from_u16(0x2B13);
/// Time Hour 24.
pub const TIME_HOUR_24: Uuid = Uuid::from_u16(0x2B14);
/// Time Millisecond 24.
pub const TIME_MILLISECOND_24: Uuid = Uuid::from_u16(0x2B15);
/// Time Second 16.
pub const TIME_SECOND_16: Uuid = Uuid::from_u16(0x2B16);
/// Time Second 8.
pub const TIME_SECOND_8: Uuid = Uuid::from_u16(0x2B17);
/// Voltage.
pub const VOLTAGE: Uuid = Uuid::from_u16(0x2B18);
/// Voltage Specification.
pub const VOLTAGE_SPECIFICATION: Uuid = Uuid::from_u16(0x2B19);
/// Voltage Statistics.
pub const VOLTAGE_STATISTICS: Uuid = Uuid::from_u16(0x2B1A);
/// Volume Flow.
pub const VOLUME_FLOW: Uuid = Uuid::from_u16(0x2B1B);
/// Chromaticity Coordinate.
pub const CHROMATICITY_COORDINATE: Uuid = Uuid::from_u16(0x2B1C);
/// RC Feature.
pub const RC_FEATURE: Uuid = Uuid::from_u16(0x2B1D);
/// RC Settings.
pub const RC_SETTINGS: Uuid = Uuid::from_u16(0x2B1E);
/// Reconnection Configuration Control Point.
pub const RECONNECTION_CONFIGURATION_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B1F);
/// IDD Status Changed.
pub const IDD_STATUS_CHANGED: Uuid = Uuid::from_u16(0x2B20);
/// IDD Status.
pub const IDD_STATUS: Uuid = Uuid::from_u16(0x2B21);
/// IDD Annunciation Status.
pub const IDD_ANNUNCIATION_STATUS: Uuid = Uuid::from_u16(0x2B22);
/// IDD Features.
pub const IDD_FEATURES: Uuid = Uuid::from_u16(0x2B23);
/// IDD Status Reader Control Point.
pub const IDD_STATUS_READER_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B24);
/// IDD Command Control Point.
pub const IDD_COMMAND_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B25);
/// IDD Command Data.
pub const IDD_COMMAND_DATA: Uuid = Uuid::from_u16(0x2B26);
/// IDD Record Access Control Point.
pub const IDD_RECORD_ACCESS_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B27);
/// IDD History Data.
pub const IDD_HISTORY_DATA: Uuid = Uuid::from_u16(0x2B28);
/// Client Supported Features.
pub const CLIENT_SUPPORTED_FEATURES: Uuid = Uuid::from_u16(0x2B29);
/// Database Hash.
pub const DATABASE_HASH: Uuid = Uuid::from_u16(0x2B2A);
/// BSS Control Point.
pub const BSS_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B2B);
/// BSS Response.
pub const BSS_RESPONSE: Uuid = Uuid::from_u16(0x2B2C);
/// Emergency ID.
pub const EMERGENCY_ID: Uuid = Uuid::from_u16(0x2B2D);
/// Emergency Text.
pub const EMERGENCY_TEXT: Uuid = Uuid::from_u16(0x2B2E);
/// ACS Status.
pub const ACS_STATUS: Uuid = Uuid::from_u16(0x2B2F);
/// ACS Data In.
pub const ACS_DATA_IN: Uuid = Uuid::from_u16(0x2B30);
/// ACS Data Out Notify.
pub const ACS_DATA_OUT_NOTIFY: Uuid = Uuid::from_u16(0x2B31);
/// ACS Data Out Indicate.
pub const ACS_DATA_OUT_INDICATE: Uuid = Uuid::from_u16(0x2B32);
/// ACS Control Point.
pub const ACS_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B33);
/// Enhanced Blood Pressure Measurement.
pub const ENHANCED_BLOOD_PRESSURE_MEASUREMENT: Uuid = Uuid::from_u16(0x2B34);
/// Enhanced Intermediate Cuff Pressure.
pub const ENHANCED_INTERMEDIATE_CUFF_PRESSURE: Uuid = Uuid::from_u16(0x2B35);
/// Blood Pressure Record.
pub const BLOOD_PRESSURE_RECORD: Uuid = Uuid::from_u16(0x2B36);
/// Registered User.
pub const REGISTERED_USER: Uuid = Uuid::from_u16(0x2B37);
/// BR-EDR Handover Data.
pub const BR_EDR_HANDOVER_DATA: Uuid = Uuid::from_u16(0x2B38);
/// Bluetooth SIG Data.
pub const BLUETOOTH_SIG_DATA: Uuid = Uuid::from_u16(0x2B39);
/// Server Supported Features.
pub const SERVER_SUPPORTED_FEATURES: Uuid = Uuid::from_u16(0x2B3A);
/// Physical Activity Monitor Features.
pub const PHYSICAL_ACTIVITY_MONITOR_FEATURES: Uuid = Uuid::from_u16(0x2B3B);
/// General Activity Instantaneous Data.
pub const GENERAL_ACTIVITY_INSTANTANEOUS_DATA: Uuid = Uuid::from_u16(0x2B3C);
/// General Activity Summary Data.
pub const GENERAL_ACTIVITY_SUMMARY_DATA: Uuid = Uuid::from_u16(0x2B3D);
/// CardioRespiratory Activity Instantaneous Data.
pub const CARDIORESPIRATORY_ACTIVITY_INSTANTANEOUS_DATA: Uuid = Uuid::from_u16(0x2B3E);
/// CardioRespiratory Activity Summary Data.
pub const CARDIORESPIRATORY_ACTIVITY_SUMMARY_DATA: Uuid = Uuid::from_u16(0x2B3F);
/// Step Counter Activity Summary Data.
pub const STEP_COUNTER_ACTIVITY_SUMMARY_DATA: Uuid = Uuid::from_u16(0x2B40);
/// Sleep Activity Instantaneous Data.
pub const SLEEP_ACTIVITY_INSTANTANEOUS_DATA: Uuid = Uuid::from_u16(0x2B41);
/// Sleep Activity Summary Data.
pub const SLEEP_ACTIVITY_SUMMARY_DATA: Uuid = Uuid::from_u16(0x2B42);
/// Physical Activity Monitor Control Point.
pub const PHYSICAL_ACTIVITY_MONITOR_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B43);
/// Physical Activity Current Session.
pub const PHYSICAL_ACTIVITY_CURRENT_SESSION: Uuid = Uuid::from_u16(0x2B44);
/// Physical Activity Session Descriptor.
pub const PHYSICAL_ACTIVITY_SESSION_DESCRIPTOR: Uuid = Uuid::from_u16(0x2B45);
/// Preferred Units.
pub const PREFERRED_UNITS: Uuid = Uuid::from_u16(0x2B46);
/// High Resolution Height.
pub const HIGH_RESOLUTION_HEIGHT: Uuid = Uuid::from_u16(0x2B47);
/// Middle Name.
pub const MIDDLE_NAME: Uuid = Uuid::from_u16(0x2B48);
/// Stride Length.
pub const STRIDE_LENGTH: Uuid = Uuid::from_u16(0x2B49);
/// Handedness.
pub const HANDEDNESS: Uuid = Uuid::from_u16(0x2B4A);
/// Device Wearing Position.
pub const DEVICE_WEARING_POSITION: Uuid = Uuid::from_u16(0x2B4B);
/// Four Zone Heart Rate Limits.
pub const FOUR_ZONE_HEART_RATE_LIMITS: Uuid = Uuid::from_u16(0x2B4C);
/// High Intensity Exercise Threshold.
pub const HIGH_INTENSITY_EXERCISE_THRESHOLD: Uuid = Uuid::from_u16(0x2B4D);
/// Activity Goal.
pub const ACTIVITY_GOAL: Uuid = Uuid::from_u16(0x2B4E);
/// Sedentary Interval Notification.
pub const SEDENTARY_INTERVAL_NOTIFICATION: Uuid = Uuid::from_u16(0x2B4F);
/// Caloric Intake.
pub const CALORIC_INTAKE: Uuid = Uuid::from_u16(0x2B50);
/// TMAP Role.
pub const TMAP_ROLE: Uuid = Uuid::from_u16(0x2B51);
/// Audio Input State.
pub const AUDIO_INPUT_STATE: Uuid = Uuid::from_u16(0x2B77);
/// Gain Settings Attribute.
pub const GAIN_SETTINGS_ATTRIBUTE: Uuid = Uuid::from_u16(0x2B78);
/// Audio Input Type.
pub const AUDIO_INPUT_TYPE: Uuid = Uuid::from_u16(0x2B79);
/// Audio Input Status.
pub const AUDIO_INPUT_STATUS: Uuid = Uuid::from_u16(0x2B7A);
/// Audio Input Control Point.
pub const AUDIO_INPUT_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B7B);
/// Audio Input Description.
pub const AUDIO_INPUT_DESCRIPTION: Uuid = Uuid::from_u16(0x2B7C);
/// Volume State.
pub const VOLUME_STATE: Uuid = Uuid::from_u16(0x2B7D);
/// Volume Control Point.
pub const VOLUME_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B7E);
/// Volume Flags.
pub const VOLUME_FLAGS: Uuid = Uuid::from_u16(0x2B7F);
/// Volume Offset State.
pub const VOLUME_OFFSET_STATE: Uuid = Uuid::from_u16(0x2B80);
/// Audio Location.
pub const AUDIO_LOCATION: Uuid = Uuid::from_u16(0x2B81);
/// Volume Offset Control Point.
pub const VOLUME_OFFSET_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B82);
/// Audio Output Description.
pub const AUDIO_OUTPUT_DESCRIPTION: Uuid = Uuid::from_u16(0x2B83);
/// Set Identity Resolving Key.
pub const SET_IDENTITY_RESOLVING_KEY: Uuid = Uuid::from_u16(0x2B84);
/// Coordinated Set Size.
pub const COORDINATED_SET_SIZE: Uuid = Uuid::from_u16(0x2B85);
/// Set Member Lock.
pub const SET_MEMBER_LOCK: Uuid = Uuid::from_u16(0x2B86);
/// Set Member Rank.
pub const SET_MEMBER_RANK: Uuid = Uuid::from_u16(0x2B87);
/// Encrypted Data Key Material.
pub const ENCRYPTED_DATA_KEY_MATERIAL: Uuid = Uuid::from_u16(0x2B88);
/// Apparent Energy 32.
pub const APPARENT_ENERGY_32: Uuid = Uuid::from_u16(0x2B89);
/// Apparent Power.
pub const APPARENT_POWER: Uuid = Uuid::from_u16(0x2B8A);
/// Live Health Observations.
pub const LIVE_HEALTH_OBSERVATIONS: Uuid = Uuid::from_u16(0x2B8B);
/// CO\textsubscript{2} Concentration.
pub const CO_TEXTSUBSCRIPT_2_CONCENTRATION: Uuid = Uuid::from_u16(0x2B8C);
/// Cosine of the Angle.
pub const COSINE_OF_THE_ANGLE: Uuid = Uuid::from_u16(0x2B8D);
/// Device Time Feature.
pub const DEVICE_TIME_FEATURE: Uuid = Uuid::from_u16(0x2B8E);
/// Device Time Parameters.
pub const DEVICE_TIME_PARAMETERS: Uuid = Uuid::from_u16(0x2B8F);
/// Device Time.
pub const DEVICE_TIME: Uuid = Uuid::from_u16(0x2B90);
/// Device Time Control Point.
pub const DEVICE_TIME_CONTROL_POINT: Uuid = Uuid::from_u16(0x2B91);
/// Time Change Log Data.
pub const TIME_CHANGE_LOG_DATA: Uuid = Uuid::from_u16(0x2B92);
/// Media Player Name.
pub const MEDIA_PLAYER_NAME: Uuid = Uuid::from_u16(0x2B93);
/// Media Player Icon Object ID.
pub const MEDIA_PLAYER_ICON_OBJECT_ID: Uuid = Uuid::from_u16(0x2B94);
/// Media Player Icon URL.
pub const MEDIA_PLAYER_ICON_URL: Uuid = Uuid::from_u16(0x2B95);
/// Track Changed.
pub const TRACK_CHANGED: Uuid = Uuid::from_u16(0x2B96);
/// Track Title.
pub const TRACK_TITLE: Uuid = Uuid::from_u16(0x2B97);
/// Track Duration.
pub const TRACK_DURATION: Uuid = Uuid::from_u16(0x2B98);
/// Track Position.
pub const TRACK_POSITION: Uuid = Uuid::from_u16(0x2B99);
/// Playback Speed.
pub const PLAYBACK_SPEED: Uuid = Uuid::from_u16(0x2B9A);
/// Seeking Speed.
pub const SEEKING_SPEED: Uuid = Uuid::from_u16(0x2B9B);
/// Current Track Segments Object ID.
pub const CURRENT_TRACK_SEGMENTS_OBJECT_ID: Uuid = Uuid::from_u16(0x2B9C);
/// Current Track Object ID.
pub const CURRENT_TRACK_OBJECT_ID: Uuid = Uuid::from_u16(0x2B9D);
/// Next Track Object ID.
pub const NEXT_TRACK_OBJECT_ID: Uuid = Uuid::from_u16(0x2B9E);
/// Parent Group Object ID.
pub const PARENT_GROUP_OBJECT_ID: Uuid = Uuid::from_u16(0x2B9F);
/// Current Group Object ID.
pub const CURRENT_GROUP_OBJECT_ID: Uuid = Uuid::from_u16(0x2BA0);
/// Playing Order.
pub const PLAYING_ORDER: Uuid = Uuid::from_u16(0x2BA1);
/// Playing Orders Supported.
pub const PLAYING_ORDERS_SUPPORTED: Uuid = Uuid::from_u16(0x2BA2);
/// Media State.
pub const MEDIA_STATE: Uuid = Uuid::from_u16(0x2BA3);
/// Media Control Point.
pub const MEDIA_CONTROL_POINT: Uuid = Uuid::from_u16(0x2BA4);
/// Media Control Point Opcodes Supported.
pub const MEDIA_CONTROL_POINT_OPCODES_SUPPORTED: Uuid = Uuid::from_u16(0x2BA5);
/// Search Results Object ID.
pub const SEARCH_RESULTS_OBJECT_ID: Uuid = Uuid::from_u16(0x2BA6);
/// Search Control Point.
pub const SEARCH_CONTROL_POINT: Uuid = Uuid::from_u16(0x2BA7);
/// Energy 32.
pub const ENERGY_32: Uuid = Uuid::from_u16(0x2BA8);
/// Constant Tone Extension Enable.
pub const CONSTANT_TONE_EXTENSION_ENABLE: Uuid = Uuid::from_u16(0x2BAD);
/// Advertising Constant Tone Extension Minimum Length.
pub const ADVERTISING_CONSTANT_TONE_EXTENSION_MINIMUM_LENGTH: Uuid = Uuid::from_u16(0x2BAE);
/// Advertising Constant Tone Extension Minimum Transmit Count.
pub const ADVERTISING_CONSTANT_TONE_EXTENSION_MINIMUM_TRANSMIT_COUNT: Uuid = Uuid::from_u16(0x2BAF);
/// Advertising Constant Tone Extension Transmit Duration.
pub const ADVERTISING_CONSTANT_TONE_EXTENSION_TRANSMIT_DURATION: Uuid = Uuid::from_u16(0x2BB0);
/// Advertising Constant Tone Extension Interval.
pub const ADVERTISING_CONSTANT_TONE_EXTENSION_INTERVAL: Uuid = Uuid::from_u16(0x2BB1);
/// Advertising Constant Tone Extension PHY.
pub const ADVERTISING_CONSTANT_TONE_EXTENSION_PHY: Uuid = Uuid::from_u16(0x2BB2);
/// Bearer Provider Name.
pub const BEARER_PROVIDER_NAME: Uuid = Uuid::from_u16(0x2BB3);
/// Bearer UCI.
pub const BEARER_UCI: Uuid = Uuid::from_u16(0x2BB4);
/// Bearer Technology.
pub const BEARER_TECHNOLOGY: Uuid = Uuid::from_u16(0x2BB5);
/// Bearer URI Schemes Supported List.
pub const BEARER_URI_SCHEMES_SUPPORTED_LIST: Uuid = Uuid::from_u16(0x2BB6);
/// Bearer Signal Strength.
pub const BEARER_SIGNAL_STRENGTH: Uuid = Uuid::from_u16(0x2BB7);
/// Bearer Signal Strength Reporting Interval.
pub const BEARER_SIGNAL_STRENGTH_REPORTING_INTERVAL: Uuid = Uuid::from_u16(0x2BB8);
/// Bearer List Current Calls.
pub const BEARER_LIST_CURRENT_CALLS: Uuid = Uuid::from_u16(0x2BB9);
/// Content Control ID.
pub const CONTENT_CONTROL_ID: Uuid = Uuid::from_u16(0x2BBA);
/// Status Flags.
pub const STATUS_FLAGS: Uuid = Uuid::from_u16(0x2BBB);
/// Incoming Call Target Bearer URI.
pub const INCOMING_CALL_TARGET_BEARER_URI: Uuid = Uuid::from_u16(0x2BBC);
/// Call State.
pub const CALL_STATE: Uuid = Uuid::from_u16(0x2BBD);
/// Call Control Point.
pub const CALL_CONTROL_POINT: Uuid = Uuid::from_u16(0x2BBE);
/// Call Control Point Optional Opcodes.
pub const CALL_CONTROL_POINT_OPTIONAL_OPCODES: Uuid = Uuid::from_u16(0x2BBF);
/// Termination Reason.
pub const TERMINATION_REASON: Uuid = Uuid::from_u16(0x2BC0);
/// Incoming Call.
pub const INCOMING_CALL: Uuid = Uuid::from_u16(0x2BC1);
/// Call Friendly Name.
pub const CALL_FRIENDLY_NAME: Uuid = Uuid::from_u16(0x2BC2);
/// Mute.
pub const MUTE: Uuid = Uuid::from_u16(0x2BC3);
/// Sink ASE.
pub const SINK_ASE: Uuid = Uuid::from_u16(0x2BC4);
/// Source ASE.
pub const SOURCE_ASE: Uuid = Uuid::from_u16(0x2BC5);
/// ASE Control Point.
pub const ASE_CONTROL_POINT: Uuid = Uuid::from_u16(0x2BC6);
/// Broadcast Audio Scan Control Point.
pub const BROADCAST_AUDIO_SCAN_CONTROL_POINT: Uuid = Uuid::from_u16(0x2BC7);
/// Broadcast Receive State.
pub const BROADCAST_RECEIVE_STATE: Uuid = Uuid::from_u16(0x2BC8);
/// Sink PAC.
pub const SINK_PAC: Uuid = Uuid::from_u16(0x2BC9);
/// Sink Audio Locations.
pub const SINK_AUDIO_LOCATIONS: Uuid = Uuid::from_u16(0x2BCA);
/// Source PAC.
pub const SOURCE_PAC: Uuid = Uuid::from_u16(0x2BCB);
/// Source Audio Locations.
pub const SOURCE_AUDIO_LOCATIONS: Uuid = Uuid::from_u16(0x2BCC);
/// Available Audio Contexts.
pub const AVAILABLE_AUDIO_CONTEXTS: Uuid = Uuid::from_u16(0x2BCD);
/// Supported Audio Contexts.
pub const SUPPORTED_AUDIO_CONTEXTS: Uuid = Uuid::from_u16(0x2BCE);
/// Ammonia Concentration.
pub const AMMONIA_CONCENTRATION: Uuid = Uuid::from_u16(0x2BCF);
/// Carbon Monoxide Concentration.
pub const CARBON_MONOXIDE_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD0);
/// Methane Concentration.
pub const METHANE_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD1);
/// Nitrogen Dioxide Concentration.
pub const NITROGEN_DIOXIDE_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD2);
/// Non-Methane Volatile Organic Compounds Concentration.
pub const NON_METHANE_VOLATILE_ORGANIC_COMPOUNDS_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD3);
/// Ozone Concentration.
pub const OZONE_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD4);
/// Particulate Matter - PM1 Concentration.
pub const PARTICULATE_MATTER_PM1_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD5);
/// Particulate Matter - PM2.5 Concentration.
pub const PARTICULATE_MATTER_PM2_5_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD6);
/// Particulate Matter - PM10 Concentration.
pub const PARTICULATE_MATTER_PM10_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD7);
/// Sulfur Dioxide Concentration.
pub const SULFUR_DIOXIDE_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD8);
/// Sulfur Hexafluoride Concentration.
pub const SULFUR_HEXAFLUORIDE_CONCENTRATION: Uuid = Uuid::from_u16(0x2BD9);
/// Hearing Aid Features.
pub const HEARING_AID_FEATURES: Uuid = Uuid::from_u16(0x2BDA);
/// Hearing Aid Preset Control Point.
pub const HEARING_AID_PRESET_CONTROL_POINT: Uuid = Uuid::from_u16(0x2BDB);
/// Active Preset Index.
pub const ACTIVE_PRESET_INDEX: Uuid = Uuid::from_u16(0x2BDC);
/// Stored Health Observations.
pub const STORED_HEALTH_OBSERVATIONS: Uuid = Uuid::from_u16(0x2BDD);
/// Fixed String 64.
pub const FIXED_STRING_64: Uuid = Uuid::from_u16(0x2BDE);
/// High Temperature.
pub const HIGH_TEMPERATURE: Uuid = Uuid::from_u16(0x2BDF);
/// High Voltage.
pub const HIGH_VOLTAGE: Uuid = Uuid::from_u16(0x2BE0);
/// Light Distribution.
pub const LIGHT_DISTRIBUTION: Uuid = Uuid::from_u16(0x2BE1);
/// Light Output.
pub const LIGHT_OUTPUT: Uuid = Uuid::from_u16(0x2BE2);
/// Light Source Type.
pub const LIGHT_SOURCE_TYPE: Uuid = Uuid::from_u16(0x2BE3);
/// Noise.
pub const NOISE: Uuid = Uuid::from_u16(0x2BE4);
/// Relative Runtime in a Correlated Color Temperature Range.
pub const RELATIVE_RUNTIME_IN_A_CORRELATED_COLOR_TEMPERATURE_RANGE: Uuid = Uuid::from_u16(0x2BE5);
/// Time Second 32.
pub const TIME_SECOND_32: Uuid = Uuid::from_u16(0x2BE6);
/// VOC Concentration.
pub const VOC_CONCENTRATION: Uuid = Uuid::from_u16(0x2BE7);
/// Voltage Frequency.
pub const VOLTAGE_FREQUENCY: Uuid = Uuid::from_u16(0x2BE8);
/// Battery Critical Status.
pub const BATTERY_CRITICAL_STATUS: Uuid = Uuid::from_u16(0x2BE9);
/// Battery Health Status.
pub const BATTERY_HEALTH_STATUS: Uuid = Uuid::from_u16(0x2BEA);
/// Battery Health Information.
pub const BATTERY_HEALTH_INFORMATION: Uuid = Uuid::from_u16(0x2BEB);
/// Battery Information.
pub const BATTERY_INFORMATION: Uuid = Uuid::from_u16(0x2BEC);
/// Battery Level Status.
pub const BATTERY_LEVEL_STATUS: Uuid = Uuid::from_u16(0x2BED);
/// Battery Time Status.
pub const BATTERY_TIME_STATUS: Uuid = Uuid::from_u16(0x2BEE);
/// Estimated Service Date.
pub const ESTIMATED_SERVICE_DATE: Uuid = Uuid::from_u16(0x2BEF);
/// Battery Energy Status.
pub const BATTERY_ENERGY_STATUS: Uuid = Uuid::from_u16(0x2BF0);
/// Observation Schedule Changed.
pub const OBSERVATION_SCHEDULE_CHANGED: Uuid = Uuid::from_u16(0x2BF1);
/// Current Elapsed Time.
pub const CURRENT_ELAPSED_TIME: Uuid = Uuid::from_u16(0x2BF2);
/// Health Sensor Features.
pub const HEALTH_SENSOR_FEATURES: Uuid = Uuid::from_u16(0x2BF3);
/// GHS Control Point.
pub const GHS_CONTROL_POINT: Uuid = Uuid::from_u16(0x2BF4);
/// LE GATT Security Levels.
pub const LE_GATT_SECURITY_LEVELS: Uuid = Uuid::from_u16(0x2BF5);
/// ESL Address.
pub const ESL_ADDRESS: Uuid = Uuid::from_u16(0x2BF6);
/// AP Sync Key Material.
pub const AP_SYNC_KEY_MATERIAL: Uuid = Uuid::from_u16(0x2BF7);
/// ESL Response Key Material.
pub const ESL_RESPONSE_KEY_MATERIAL: Uuid = Uuid::from_u16(0x2BF8);
/// ESL Current Absolute Time.
pub const ESL_CURRENT_ABSOLUTE_TIME: Uuid = Uuid::from_u16(0x2BF9);
/// ESL Display Information.
pub const ESL_DISPLAY_INFORMATION: Uuid = Uuid::from_u16(0x2BFA);
/// ESL Image Information.
pub const ESL_IMAGE_INFORMATION: Uuid = Uuid::from_u16(0x2BFB);
/// ESL Sensor Information.
pub const ESL_SENSOR_INFORMATION: Uuid = Uuid::from_u16(0x2BFC);
/// ESL LED Information.
pub const ESL_LED_INFORMATION: Uuid = Uuid::from_u16(0x2BFD);
/// ESL Control Point.
pub const ESL_CONTROL_POINT: Uuid = Uuid::from_u16(0x2BFE);
/// UDI for Medical Devices.
pub const UDI_FOR_MEDICAL_DEVICES: Uuid = Uuid::from_u16(0x2BFF);
/// GMAP Role.
pub const GMAP_ROLE: Uuid = Uuid::from_u16(0x2C00);
/// UGG Features.
pub const UGG_FEATURES: Uuid = Uuid::from_u16(0x2C01);
/// UGT Features.
pub const UGT_FEATURES: Uuid = Uuid::from_u16(0x2C02);
/// BGS Features.
pub const BGS_FEATURES: Uuid = Uuid::from_u16(0x2C03);
/// BGR Features.
pub const BGR_FEATURES: Uuid = Uuid::from_u16(0x2C04);
/// Percentage 8 Steps.
pub const PERCENTAGE_8_STEPS: Uuid = Uuid::from_u16(0x2C05);
/// Acceleration.
pub const ACCELERATION: Uuid = Uuid::from_u16(0x2C06);
/// Force.
pub const FORCE: Uuid = Uuid::from_u16(0x2C07);
/// Linear Position.
pub const LINEAR_POSITION: Uuid = Uuid::from_u16(0x2C08);
/// Rotational Speed.
pub const ROTATIONAL_SPEED: Uuid = Uuid::from_u16(0x2C09);
/// Length.
pub const LENGTH: Uuid = Uuid::from_u16(0x2C0A);
/// Torque.
pub const TORQUE: Uuid = Uuid::from_u16(0x2C0B);
/// IMD Status.
pub const IMD_STATUS: Uuid = Uuid::from_u16(0x2C0C);
/// IMDS Descriptor Value Changed.
pub const IMDS_DESCRIPTOR_VALUE_CHANGED: Uuid = Uuid::from_u16(0x2C0D);
/// First Use Date.
pub const FIRST_USE_DATE: Uuid = Uuid::from_u16(0x2C0E);
/// Life Cycle Data.
pub const LIFE_CYCLE_DATA: Uuid = Uuid::from_u16(0x2C0F);
/// Work Cycle Data.
pub const WORK_CYCLE_DATA: Uuid = Uuid::from_u16(0x2C10);
/// Service Cycle Data.
pub const SERVICE_CYCLE_DATA: Uuid = Uuid::from_u16(0x2C11);
/// IMD Control.
pub const IMD_CONTROL: Uuid = Uuid::from_u16(0x2C12);
/// IMD Historical Data.
pub const IMD_HISTORICAL_DATA: Uuid = Uuid::from_u16(0x2C13);
/// RAS Features.
pub const RAS_FEATURES: Uuid = Uuid::from_u16(0x2C14);
/// Real-time Ranging Data.
pub const REAL_TIME_RANGING_DATA: Uuid = Uuid::from_u16(0x2C15);
/// On-demand Ranging Data.
pub const ON_DEMAND_RANGING_DATA: Uuid = Uuid::from_u16(0x2C16);
/// RAS Control Point.
pub const RAS_CONTROL_POINT: Uuid = Uuid::from_u16(0x2C17);
/// Ranging Data Ready.
pub const RANGING_DATA_READY: Uuid = Uuid::from_u16(0x2C18);
/// Ranging Data Overwritten.
pub const RANGING_DATA_OVERWRITTEN: Uuid = Uuid::from_u16(0x2C19);
/// Humidity 8.
pub const HUMIDITY_8: Uuid = Uuid::from_u16(0x2C1B);
/// Illuminance 16.
pub const ILLUMINANCE_16: Uuid = Uuid::from_u16(0x2C1C);
/// Acceleration 3D.
pub const ACCELERATION_3D: Uuid = Uuid::from_u16(0x2C1D);
/// Precise Acceleration 3D.
pub const PRECISE_ACCELERATION_3D: Uuid = Uuid::from_u16(0x2C1E);
/// Acceleration Detection Status.
pub const ACCELERATION_DETECTION_STATUS: Uuid = Uuid::from_u16(0x2C1F);
/// Door/Window Status.
pub const DOOR_WINDOW_STATUS: Uuid = Uuid::from_u16(0x2C20);
/// Pushbutton Status 8.
pub const PUSHBUTTON_STATUS_8: Uuid = Uuid::from_u16(0x2C21);
/// Contact Status 8.
pub const CONTACT_STATUS_8: Uuid = Uuid::from_u16(0x2C22);
/// HID ISO Properties.
pub const HID_ISO_PROPERTIES: Uuid = Uuid::from_u16(0x2C23);
/// LE HID Operation Mode.
pub const LE_HID_OPERATION_MODE: Uuid = Uuid::from_u16(0x2C24);
