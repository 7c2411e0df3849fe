//! GATT descriptors. Written by generate.py from btuuid 0.1.1: do not edit.

#[rustfmt::skip]
pub(crate) static TABLE: &[(u16, &str)] = &[
    (0x2900, "Characteristic Extended Properties"),
    (0x2901, "Characteristic User Description"),
    (0x2902, "Client Characteristic Configuration"),
    (0x2903, "Server Characteristic Configuration"),
    (0x2904, "Characteristic Presentation Format"),
    (0x2905, "Characteristic Aggregate Format"),
    (0x2906, "Valid Range"),
    (0x2907, "External Report Reference"),
    (0x2908, "Report Reference"),
    (0x2909, "Number of Digitals"),
    (0x290a, "Value Trigger Setting"),
    (0x290b, "Environmental Sensing Configuration"),
    (0x290c, "Environmental Sensing Measurement"),
    (0x290d, "Environmental Sensing Trigger Setting"),
    (0x290e, "Time Trigger Setting"),
    (0x290f, "Complete BR-EDR Transport Block Data"),
    (0x2910, "Observation Schedule"),
    (0x2911, "Valid Range and Accuracy"),
    (0x2912, "Measurement Description"),
    (0x2913, "Manufacturer Limits"),
    (0x2914, "Process Tolerances"),
    (0x2915, "IMD Trigger Setting"),
];
