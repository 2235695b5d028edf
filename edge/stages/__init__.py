"""The stages of the pipeline, one verb each; none of them knows another."""
