// From a detector's raw outputs to boxes of people, for nvinfer (custom-lib-path, parse-bbox-func-name).
//
// The same four decoders as edge/stages/detect/decoders.py, whose tests compare the two. What the network is like
// comes from its card, by way of edge_model.h. Suppression of overlaps is nvinfer's (cluster-mode).

#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "edge_model.h"
#include "nvdsinfer_custom_impl.h"

namespace {

constexpr int kBoxesScores = 0, kYolox = 1, kYolov8 = 2, kEndToEnd = 3;
constexpr int kCorners = 0, kLeftTopSize = 1, kCentreSize = 2;
const int kStrides[] = {EDGE_STRIDES};

float half_to_float(std::uint16_t bits) {
    const int sign = bits >> 15, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    float value;
    if (exponent == 31) {
        value = fraction ? NAN : INFINITY;
    } else if (exponent == 0) {
        value = std::ldexp(static_cast<float>(fraction), -24);
    } else {
        value = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
    }
    return sign ? -value : value;
}

// An output read as a table; the batch is not among its dimensions.
class Table {
public:
    explicit Table(const NvDsInferLayerInfo &layer)
        : buffer_(layer.buffer), half_(layer.dataType == HALF), rows_(1), columns_(1) {
        const auto &dims = layer.inferDims;
        const unsigned last = dims.numDims ? dims.numDims - 1 : 0;
        for (unsigned i = 0; i < last; ++i) rows_ *= static_cast<long>(dims.d[i]);
        if (dims.numDims) columns_ = static_cast<long>(dims.d[last]);
    }
    long rows() const { return rows_; }
    long columns() const { return columns_; }
    long size() const { return rows_ * columns_; }
    float at(long index) const {
        return half_ ? half_to_float(static_cast<const std::uint16_t *>(buffer_)[index])
                     : static_cast<const float *>(buffer_)[index];
    }
    float at(long row, long column) const { return at(row * columns_ + column); }

private:
    const void *buffer_;
    bool half_;
    long rows_, columns_;
};

const NvDsInferLayerInfo *find(const std::vector<NvDsInferLayerInfo> &layers, const char *name) {
    for (const auto &layer : layers) {
        if (layer.layerName && layer.buffer && std::strcmp(layer.layerName, name) == 0) return &layer;
    }
    return nullptr;
}

bool complain(const std::string &what) {
    std::cerr << "EdgeParsePeople: " << what << "; the card's decoder_options do not fit this engine" << std::endl;
    return false;
}

// Collects people: drops what is weak, not finite, or has no area.
class People {
public:
    People(std::vector<NvDsInferParseObjectInfo> &list, float score_min, const NvDsInferNetworkInfo &network)
        : list_(list), score_min_(score_min), width_(static_cast<float>(network.width)),
          height_(static_cast<float>(network.height)) {}

    bool wants(float score) const { return score >= score_min_; }

    void add(float left, float top, float right, float bottom, float score) {
        if (!std::isfinite(left + top + right + bottom) || !std::isfinite(score)) return;
        left = std::fmin(std::fmax(left, 0.F), width_);
        right = std::fmin(std::fmax(right, 0.F), width_);
        top = std::fmin(std::fmax(top, 0.F), height_);
        bottom = std::fmin(std::fmax(bottom, 0.F), height_);
        if (right <= left || bottom <= top) return;
        NvDsInferParseObjectInfo person{};
        person.classId = 0;
        person.left = left;
        person.top = top;
        person.width = right - left;
        person.height = bottom - top;
        person.detectionConfidence = std::fmin(score, 1.F);
        list_.push_back(person);
    }

    void add_centred(float x, float y, float width, float height, float score) {
        add(x - width / 2, y - height / 2, x + width / 2, y + height / 2, score);
    }

private:
    std::vector<NvDsInferParseObjectInfo> &list_;
    float score_min_, width_, height_;
};

bool parse_boxes_scores(const Table &boxes, const Table *scores, const NvDsInferNetworkInfo &network, People &people) {
    const long columns = scores ? 4 : 4 + EDGE_CLASSES;
    if (boxes.columns() != columns) return complain("the boxes have another number of columns");
    const long count = boxes.rows();
    long step = 1, offset = 0;
    if (scores) {
        step = scores->size() / (count ? count : 1);
        if (step * count != scores->size() || (step != 1 && step != EDGE_CLASSES)) {
            return complain("boxes and scores differ in number");
        }
        offset = step == 1 ? 0 : EDGE_PERSON;
    }
    const float across = EDGE_FRACTION ? static_cast<float>(network.width) : 1.F;
    const float down = EDGE_FRACTION ? static_cast<float>(network.height) : 1.F;
    for (long row = 0; row < count; ++row) {
        const float score = scores ? scores->at(row * step + offset) : boxes.at(row, 4 + EDGE_PERSON);
        if (!people.wants(score)) continue;
        const float a = boxes.at(row, 0) * across, b = boxes.at(row, 1) * down;
        const float c = boxes.at(row, 2) * across, d = boxes.at(row, 3) * down;
        if (EDGE_BOX_FORMAT == kCorners) people.add(a, b, c, d, score);
        if (EDGE_BOX_FORMAT == kLeftTopSize) people.add(a, b, a + c, b + d, score);
        if (EDGE_BOX_FORMAT == kCentreSize) people.add_centred(a, b, c, d, score);
    }
    return true;
}

bool parse_yolox(const Table &table, const NvDsInferNetworkInfo &network, People &people) {
    if (table.columns() != 5 + EDGE_CLASSES) return complain("the boxes have another number of columns");
    long row = 0;
    for (const int stride : kStrides) {
        const int across = static_cast<int>(network.width) / stride, down = static_cast<int>(network.height) / stride;
        for (int y = 0; y < down; ++y) {
            for (int x = 0; x < across; ++x, ++row) {
                if (row >= table.rows()) return complain("there are fewer cells than the strides make");
                const float score = table.at(row, 4) * table.at(row, 5 + EDGE_PERSON);
                if (!people.wants(score)) continue;
                const float side = static_cast<float>(stride);
                people.add_centred((table.at(row, 0) + static_cast<float>(x)) * side,
                                   (table.at(row, 1) + static_cast<float>(y)) * side,
                                   std::exp(table.at(row, 2)) * side, std::exp(table.at(row, 3)) * side, score);
            }
        }
    }
    return row == table.rows() || complain("there are more cells than the strides make");
}

bool parse_yolov8(const Table &table, People &people) {
    if (table.rows() != 4 + EDGE_CLASSES) return complain("the boxes have another number of rows");
    for (long column = 0; column < table.columns(); ++column) {
        const float score = table.at(4 + EDGE_PERSON, column);
        if (!people.wants(score)) continue;
        people.add_centred(table.at(0, column), table.at(1, column), table.at(2, column), table.at(3, column), score);
    }
    return true;
}

bool parse_end_to_end(const Table &table, People &people) {
    if (table.columns() != 6) return complain("the boxes have another number of columns");
    for (long row = 0; row < table.rows(); ++row) {
        if (std::lround(table.at(row, 5)) != EDGE_PERSON || !people.wants(table.at(row, 4))) continue;
        people.add(table.at(row, 0), table.at(row, 1), table.at(row, 2), table.at(row, 3), table.at(row, 4));
    }
    return true;
}

}  // namespace

extern "C" bool EdgeParsePeople(std::vector<NvDsInferLayerInfo> const &layers, NvDsInferNetworkInfo const &network,
                                NvDsInferParseDetectionParams const &params,
                                std::vector<NvDsInferParseObjectInfo> &list) {
    const auto &thresholds = params.perClassPreclusterThreshold;
    People people(list, thresholds.empty() ? EDGE_SCORE_MIN : thresholds[0], network);
    const NvDsInferLayerInfo *boxes = find(layers, EDGE_BOXES);
    if (!boxes) return complain("there is no output '" EDGE_BOXES "'");
    const Table table(*boxes);
    if (EDGE_DECODER == kYolox) return parse_yolox(table, network, people);
    if (EDGE_DECODER == kYolov8) return parse_yolov8(table, people);
    if (EDGE_DECODER == kEndToEnd) return parse_end_to_end(table, people);
    static_assert(EDGE_DECODER >= kBoxesScores && EDGE_DECODER <= kEndToEnd, "no such decoder");
    if (!EDGE_SCORES[0]) return parse_boxes_scores(table, nullptr, network, people);
    const NvDsInferLayerInfo *scores = find(layers, EDGE_SCORES);
    if (!scores) return complain("there is no output '" EDGE_SCORES "'");
    const Table score_table(*scores);
    return parse_boxes_scores(table, &score_table, network, people);
}

CHECK_CUSTOM_PARSE_FUNC_PROTOTYPE(EdgeParsePeople);
