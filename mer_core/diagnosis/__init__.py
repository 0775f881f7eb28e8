"""What a trained run makes of its input: the use of each modality, calibration, abstention, and figures by slice."""
