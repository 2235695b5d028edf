// The part of nvinfer's header that the box parser needs, written from its documentation, so that the parser can be
// compiled where there is no DeepStream.
#pragma once

#include <vector>

enum NvDsInferDataType { FLOAT = 0, HALF = 1, INT8 = 2, INT32 = 3 };

struct NvDsInferDims {
    unsigned int numDims;
    unsigned int d[8];
    unsigned int numElements;
};

struct NvDsInferLayerInfo {
    NvDsInferDataType dataType;
    union {
        NvDsInferDims dims;
        NvDsInferDims inferDims;
    };
    int bindingIndex;
    const char *layerName;
    void *buffer;
    int isInput;
};

struct NvDsInferNetworkInfo {
    unsigned int width;
    unsigned int height;
    unsigned int channels;
};

struct NvDsInferParseDetectionParams {
    unsigned int numClassesConfigured;
    std::vector<float> perClassPreclusterThreshold;
    std::vector<float> perClassPostclusterThreshold;
};

struct NvDsInferObjectDetectionInfo {
    unsigned int classId;
    float left;
    float top;
    float width;
    float height;
    float detectionConfidence;
};
typedef NvDsInferObjectDetectionInfo NvDsInferParseObjectInfo;

typedef bool (*NvDsInferParseCustomFunc)(std::vector<NvDsInferLayerInfo> const &, NvDsInferNetworkInfo const &,
                                         NvDsInferParseDetectionParams const &,
                                         std::vector<NvDsInferParseObjectInfo> &);

#define CHECK_CUSTOM_PARSE_FUNC_PROTOTYPE(name) \
    [[maybe_unused]] static const NvDsInferParseCustomFunc checked_##name = name
