// Calls the box parser with plain arrays, for a test to load.
#include "edge_parser.cpp"

extern "C" int drive(int layers, const char **names, void **buffers, const unsigned *dims, const int *half, unsigned width,
                     unsigned height, float threshold, float *out, int most) {
    std::vector<NvDsInferLayerInfo> infos;
    for (int i = 0; i < layers; ++i) {
        NvDsInferLayerInfo info{};
        info.dataType = half[i] ? HALF : FLOAT;
        info.inferDims.numDims = dims[i * 4];
        info.inferDims.numElements = 1;
        for (unsigned k = 0; k < dims[i * 4]; ++k) {
            info.inferDims.d[k] = dims[i * 4 + 1 + k];
            info.inferDims.numElements *= info.inferDims.d[k];
        }
        info.layerName = names[i];
        info.buffer = buffers[i];
        infos.push_back(info);
    }
    NvDsInferNetworkInfo network{width, height, 3};
    NvDsInferParseDetectionParams params{};
    params.numClassesConfigured = 1;
    params.perClassPreclusterThreshold.push_back(threshold);
    std::vector<NvDsInferParseObjectInfo> found;
    if (!EdgeParsePeople(infos, network, params, found)) return -1;
    int count = 0;
    for (const auto &one : found) {
        if (count == most) break;
        const float row[] = {one.left, one.top, one.left + one.width, one.top + one.height, one.detectionConfidence};
        for (int k = 0; k < 5; ++k) out[count * 5 + k] = row[k];
        ++count;
    }
    return count;
}
